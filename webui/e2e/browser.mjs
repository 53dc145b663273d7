// A browser for tests: Debian's chromium, kept from talking to anybody but the page.
import { chromium } from 'playwright-core';

/** Opens one. `CHROMIUM` names another program. */
export function openBrowser() {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
  });
}

/**
 * Notes what a page must never do: errors on its console, breaches of the policy, calls to another host.
 * @param {import('playwright-core').Page} page
 * @param {string[]} faults
 */
export function watchPage(page, faults) {
  const origin = () => new URL(page.url()).origin;
  page.on('pageerror', (error) => faults.push(`${page.url()}: ${error.message}`));
  page.on('console', (message) => {
    // A refused call is an answer that the page shows; the browser notes it as an error all the same.
    if (message.type() === 'error' && !/status of 4\d\d|ERR_(CONNECTION|EMPTY|INCOMPLETE)/.test(message.text())) faults.push(`${page.url()}: ${message.text()}`);
  });
  page.on('request', (request) => {
    if (page.url() !== 'about:blank' && !/^(data|blob):/.test(request.url()) && new URL(request.url()).origin !== origin()) faults.push(`a foreign host was asked: ${request.url()}`);
  });
}
