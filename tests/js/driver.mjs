// One page in a browser of its own, under the command of a test by stdin and stdout: see page.mjs. The end of stdin ends
// the browser.

import { serve } from './page.mjs';

const [folder, engine] = process.argv.slice(2);
const { launch } = await import(`./${engine}.mjs`);
const browser = await launch(folder);
await serve(await browser.newPage(), process.stdin, process.stdout);
await browser.close();
