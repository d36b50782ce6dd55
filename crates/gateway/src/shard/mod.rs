//! Media shards: one thread, one poll, one UDP socket for all its browsers (RFC 8445, RFC 5764).
