// A page of `export --for browser` in a real Chromium, as a visitor uses it:
// node browser_page.mjs FOLDER CHROMIUM PORT QUESTIONS…, where FOLDER has puppeteer-core and the
// page is at http://localhost:PORT/page/. At …/endless/ is one whose answers do not end: one is stopped.
// Prints one JSON document; "visits" are seconds from a load by a visitor who was never there to the
// whole answer of its first question. The server is expected to end when a line "offline" was printed and its
// end to be confirmed by a line on the standard input.

import { once } from 'node:events';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const [folder, chromium, port, ...questions] = process.argv.slice(2);
const puppeteer = createRequire(join(folder, 'package.json'))('puppeteer-core');
const browser = await puppeteer.launch({ executablePath: chromium, args: ['--no-sandbox'] });
const page = await browser.newPage();
const wrong = [];
const hosts = new Set();
// Chromium asks itself for the parts of its own windows (chrome://).
const sent = (url) => /^(https?|wss?):/.test(url) && hosts.add(new URL(url).host);
page.on('pageerror', (error) => wrong.push(String(error.message)));
page.on('console', (said) => said.type() === 'error' && wrong.push(said.text()));
browser.on('targetcreated', async (target) => {
  const session = await target.createCDPSession().catch(() => null);
  session?.send('Network.enable').catch(() => {});
  session?.on('Network.requestWillBeSent', ({ request }) => sent(request.url));
});
page.on('request', (request) => sent(request.url()));
const seconds = () => performance.now() / 1000;

async function open(name = 'page', tab = page) {
  const began = seconds();
  await tab.goto(`http://localhost:${port}/${name}/`);
  await tab.waitForSelector('body[data-ready], .note', { timeout: 240_000 });
  const note = await tab.$eval('#talk', (talk) => talk.textContent);
  if (note) throw new Error(note);
  return seconds() - began;
}

async function ask(text, tab = page) {
  const began = seconds();
  await tab.type('textarea', text);
  await tab.click('#send');
  await tab.waitForFunction(
    () => document.querySelector('.answer:last-child')?.dataset.reason || document.querySelector('.note'),
    { timeout: 240_000 },
  );
  const answer = await tab.$eval('.answer:last-child', (part) => ({
    text: part.textContent, reason: part.dataset.reason,
  }));
  return { ...answer, seconds: seconds() - began };
}

/** Without what an earlier visitor has kept. */
async function visit() {
  const visitor = await browser.createBrowserContext();
  const tab = await visitor.newPage();
  const ready = await open('page', tab);
  const answer = await ask(questions[0], tab);
  await visitor.close();
  return ready + answer.seconds;
}

/** An answer that does not end, stopped in its middle. */
async function stopped() {
  await open('endless');
  await page.type('textarea', questions[0]);
  await page.click('#send');
  await page.waitForFunction(() => document.querySelector('.answer').textContent);
  const began = seconds();
  await page.click('#stop');
  await page.waitForFunction(() => document.querySelector('.answer').dataset.reason);
  const reason = await page.$eval('.answer', (part) => part.dataset.reason);
  return { reason, seconds: seconds() - began };
}

const visits = [await visit(), await visit(), await visit()];
const first = { ready: await open(), answers: [] };
for (const question of questions) first.answers.push(await ask(question));
await page.waitForSelector('body[data-kept]', { timeout: 60_000 });
first.stopped = await stopped();
console.log('offline');
await once(process.stdin, 'data');
const again = { ready: await open(), answers: [] };
for (const question of questions.slice(0, 2)) again.answers.push(await ask(question));
again.isolated = await page.evaluate(() => self.crossOriginIsolated);
again.answer = await page.evaluate(() => fetch('nowhere').then((found) => found.status, () => 'no network'));
console.log(JSON.stringify({ visits, first, again, wrong, hosts: [...hosts] }));
await browser.close();
process.exit(0);
