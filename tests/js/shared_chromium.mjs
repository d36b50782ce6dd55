// A Chromium for many cases. Whoever connects to the socket has a page under command (see page.mjs), in a context that has
// nothing of any other; the page ends with the connection. Says `ready` once it listens; the end of stdin ends it all.

import { once } from 'node:events';
import { createServer } from 'node:net';
import { join } from 'node:path';

import { launch } from './chromium.mjs';
import { serve } from './page.mjs';

const [folder] = process.argv.slice(2);
const browser = await launch(join(folder, 'profile'));
browser.on('disconnected', () => process.exit(1));

const server = createServer((connection) => {
  // A case that was ended from outside closes nothing in order.
  connection.on('error', () => connection.destroy());
  page(connection).catch((error) => connection.end(`${error}\n`));
});

async function page(connection) {
  const context = await browser.createBrowserContext();
  try {
    await serve(await context.newPage(), connection, connection);
  } finally {
    await context.close();
  }
  connection.end();
}

server.listen(join(folder, 'socket'));
await once(server, 'listening');
process.stdout.write('ready\n');
process.stdin.resume();
await once(process.stdin, 'end');
browser.removeAllListeners('disconnected');
await browser.close();
process.exit(0);
