import { existsSync } from 'node:fs';
import { chromium, type Browser } from 'playwright-core';

const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];
const places = ['/usr/bin', '/usr/local/bin', '/opt/google/chrome'];

/** Starts the browser of this machine. Throws an error that says what to install where there is none. */
export async function startBrowser(): Promise<Browser> {
  const named = process.env['CHROMIUM'];
  const known = places.flatMap((place) => names.map((name) => `${place}/${name}`));
  const executablePath = named ?? known.find((path) => existsSync(path));
  if (executablePath === undefined)
    throw new Error(
      'no Chromium was found: install it (Debian: apt-get install chromium) or name it in CHROMIUM',
    );
  return chromium.launch({
    executablePath,
    args: [
      '--headless',
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
}
