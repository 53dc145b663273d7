// One pretended appliance, one page, and whatever a page must never do.
import assert from 'node:assert/strict';
import { startAppliance } from '../mock/appliance.mjs';
import { watchPage } from './browser.mjs';
import { Hand } from './pages.mjs';

/** @typedef {Awaited<ReturnType<typeof startAppliance>>} Appliance */
/** @typedef {import('playwright-core').Page} Page */

/**
 * Walks through the page of a fresh appliance.
 * @param {import('playwright-core').Browser} browser
 * @param {Parameters<typeof startAppliance>[0] & { keyboard?: boolean, colorScheme?: 'light' | 'dark' }} wish
 * @param {(appliance: Appliance, page: Page, hand: Hand) => Promise<void>} walk
 */
export async function walkThrough(browser, { keyboard = false, colorScheme = 'light', ...wish }, walk) {
  const appliance = await startAppliance({ loggedIn: true, tick: 0, ...wish });
  const context = await browser.newContext({ locale: 'fr-FR', reducedMotion: 'reduce', colorScheme });
  const faults = /** @type {string[]} */ ([]);
  try {
    const page = await context.newPage();
    watchPage(page, faults);
    await walk(appliance, page, new Hand(page, keyboard));
    assert.deepEqual(faults, []);
  } finally {
    await context.close();
    appliance.stop();
  }
}
