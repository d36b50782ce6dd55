#!/bin/sh
# Makes black.ivf and black.h264, the frames that mod.rs sends. They are made once and kept: nothing is encoded
# while the server runs. Made with ffmpeg 5.1, libvpx 1.12 and x264 164.
#
#   black.ivf    VP8: a key frame, one inter frame that is not used, and one that may follow itself without end.
#   black.h264   H.264 Constrained Baseline, Annex B: SPS, PPS, IDR slice, and 16 P slices, one for each frame_num
#                (log2_max_frame_num is 4), so that they may follow one another round and round. The parameter sets are
#                number 31, so that they take nobody's place: a peer's are number 0, and may stand in its SDP alone.
set -e
cd "$(dirname "$0")"
black="-v error -y -f lavfi -i color=black:s=320x240:r=5,format=yuv420p -fflags +bitexact -flags +bitexact"
ffmpeg $black -frames:v 3 -c:v libvpx -g 1000 -b:v 100k -lag-in-frames 0 -auto-alt-ref 0 -error-resilient 1 \
    -deadline good -cpu-used 0 -f ivf black.ivf
ffmpeg $black -frames:v 17 -c:v libx264 -preset veryslow -tune zerolatency -profile:v baseline -level 3.1 \
    -x264-params keyint=25:min-keyint=25:scenecut=0:bframes=0:ref=1:sliced-threads=0:threads=1:slices=1:sps-id=31 \
    -bsf:v filter_units=remove_types=6 -f h264 black.h264
