// Rules of the source itself: no import cycle in sdk/, nothing inline and nothing foreign in the pages.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';

const root = new URL('..', import.meta.url);
const read = (path) => readFileSync(new URL(path, root), 'utf8');
const PAGES = ['pages/index.html', 'pages/phone/index.html', 'pages/phone-video/index.html'];

test('no import cycle in sdk/', () => {
  const imports = Object.fromEntries(
    readdirSync(new URL('sdk', root)).map((file) => [file, [...read(`sdk/${file}`).matchAll(/^(?:import|export) .*from '\.\/(.+)';/gm)].map(([, name]) => name)]),
  );
  const visit = (file, path) => {
    assert.ok(!path.includes(file), `cycle: ${[...path, file].join(' -> ')}`);
    for (const next of imports[file] ?? assert.fail(`${file} is imported and missing`)) visit(next, [...path, file]);
  };
  for (const file of Object.keys(imports)) visit(file, []);
});

test('pages have no inline script, style or handler, and load nothing from elsewhere', () => {
  for (const page of PAGES) {
    const html = read(page);
    assert.doesNotMatch(html, /<style|style=|<script(?![^>]* src=)| on[a-z]+=|javascript:|https?:/, page);
    for (const [, url] of html.matchAll(/(?:src|href)="([^"]+)"/g)) assert.doesNotMatch(url, /^(\/\/|[a-z]+:)/, page);
  }
});

test('text of others reaches the page as text', () => {
  const scripts = ['pages/phone', 'pages/phone-video', 'pages/shared', 'sdk'].flatMap((folder) => readdirSync(new URL(folder, root)).filter((file) => file.endsWith('.js')).map((file) => `${folder}/${file}`));
  for (const script of scripts) assert.doesNotMatch(read(script), /innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function/, script);
});

test('both pages keep the ids of the published sample pages', () => {
  const common = 'urlServer sipLogin sipAuthenticationName sipPassword sipDomain sipOutboundProxy sipPort sipRegisterRequired connectBtn regStatus callee callBtn incomingCallAlert holdBtn answerBtn hangupBtn callStatus muteAudioToggle';
  const ids = { phone: `${common} authToken connectTokenBtn localDisplay remoteDisplay`, 'phone-video': `${common} cameraList switchCamBtn micList switchMicBtn speakerList sendWidth sendHeight sendFramerate muteVideoToggle sdpStringFind sdpStringReplace localVideo remoteVideo videoStatBytesSent videoStatPacketsSent audioStatBytesSent audioStatPacketsSent` };
  for (const [page, list] of Object.entries(ids)) {
    const html = read(`pages/${page}/index.html`);
    const order = list.split(' ').slice(0, 8).map((id) => html.indexOf(`id="${id}"`));
    assert.deepEqual(order, [...order].sort((a, b) => a - b), 'order of the connection fields');
    for (const id of list.split(' ')) assert.match(html, new RegExp(` id="${id}"`), `${page} #${id}`);
  }
});

test('every field and button has a name', () => {
  for (const page of PAGES.slice(1)) {
    const html = read(page);
    for (const [tag, id] of html.matchAll(/<(?:input|select)[^>]* id="([^"]+)"[^>]*>/g)) {
      const wrapped = new RegExp(`<label[^>]*>\\s*<input id="${id}"`).test(html);
      assert.ok(wrapped || html.includes(`for="${id}"`) || tag.includes('aria-label='), `${page} #${id}`);
    }
  }
});
