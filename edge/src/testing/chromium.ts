import { requireBinary } from '@weft/chassis/testing/binaries';
import { chromium, type Browser } from 'playwright-core';

/** Starts the browser of this machine, or the one in CHROMIUM. Throws an error that says what to install. */
export async function startBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath:
      process.env['CHROMIUM'] ||
      requireBinary('chromium', 'chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'),
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
