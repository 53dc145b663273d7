// The page as a person sees it: one object per screen, found by what stands on it. Nothing here waits for a time.
/** @typedef {import('playwright-core').Page} Page */
/** @typedef {import('playwright-core').Locator} Locator */

/** Tab presses after which a control counts as out of the keyboard's reach. */
const TABS = 250;

/** How a person acts: with a pointer, or with the keyboard alone. */
export class Hand {
  /** @param {Page} page @param {boolean} keyboard */
  constructor(page, keyboard) {
    this.page = page;
    this.keyboard = keyboard;
  }

  /** Presses a button, follows a link, ticks a box. @param {Locator} target @param {string} [key] */
  async press(target, key = 'Enter') {
    await target.waitFor();
    if (!this.keyboard) return target.click();
    await this.reach(target);
    return this.page.keyboard.press(key);
  }

  /** Writes into a field. @param {Locator} target @param {string} text */
  async write(target, text) {
    await target.waitFor();
    if (!this.keyboard) return target.fill(text);
    await this.reach(target);
    await this.page.keyboard.press('Control+A');
    return this.page.keyboard.type(text);
  }

  /** Moves the focus, by Tab alone. @param {Locator} target */
  async reach(target) {
    for (let turn = 0; turn < TABS; turn += 1) {
      if (await target.evaluate((element) => element === document.activeElement)) return;
      await this.page.keyboard.press('Tab');
    }
    throw new Error(`the keyboard does not reach ${target}`);
  }
}

/** The first page of a new appliance. */
export class FirstRun {
  /** @param {Hand} hand */
  constructor(hand) {
    this.hand = hand;
    this.page = hand.page;
  }

  /** @param {{ code: string, name: string, password: string }} first */
  async createAdministrator({ code, name, password }) {
    await this.hand.write(this.page.locator('#first-code'), code);
    await this.hand.write(this.page.locator('#first-name'), name);
    await this.hand.write(this.page.locator('#first-password'), password);
    await this.hand.write(this.page.locator('#first-again'), password);
    await this.hand.press(this.page.getByRole('button', { name: 'Créer l’administrateur' }));
  }
}

/** The list of machines. */
export class Machines {
  /** @param {Hand} hand */
  constructor(hand) {
    this.hand = hand;
    this.page = hand.page;
  }

  open() {
    return this.hand.press(this.page.getByRole('link', { name: 'Postes', exact: true }).first());
  }

  /** The row that shows a text: a name or a network address. @param {string} text */
  row(text) {
    return this.page.locator('tbody tr').filter({ hasText: text });
  }

  /** @param {string} text @param {string} name */
  async name(text, name) {
    await this.hand.press(this.row(text).locator('.amorce-name-button'));
    await this.hand.write(this.page.locator('#name-field'), name);
    await this.hand.press(this.page.getByRole('button', { name: 'Enregistrer' }));
    await this.row(name).waitFor();
  }

  /** @param {string[]} texts */
  async choose(texts) {
    for (const text of texts) await this.hand.press(this.row(text).getByRole('checkbox'), 'Space');
  }

  capture() {
    return this.hand.press(this.page.getByRole('button', { name: 'Capturer', exact: true }));
  }

  restore() {
    return this.hand.press(this.page.getByRole('button', { name: /^Restaurer/ }).first());
  }
}

/** The flow that makes a master. */
export class Capture {
  /** @param {Hand} hand */
  constructor(hand) {
    this.hand = hand;
    this.page = hand.page;
  }

  /** @param {string} master */
  async start(master) {
    await this.hand.write(this.page.locator('#capture-master'), master);
    await this.hand.press(this.startButton);
  }

  get startButton() {
    return this.page.getByRole('button', { name: 'Lancer la capture' });
  }
}

/** The flow that erases disks. */
export class Restore {
  /** @param {Hand} hand */
  constructor(hand) {
    this.hand = hand;
    this.page = hand.page;
  }

  /** @param {string} master */
  chooseMaster(master) {
    return this.hand.press(this.page.getByRole('radio', { name: master }), 'Space');
  }

  get startButton() {
    return this.page.getByRole('button', { name: /^Effacer et restaurer/ });
  }

  /** @param {string} typed */
  async confirm(typed) {
    await this.hand.write(this.page.locator('#restore-count'), typed);
  }

  start() {
    return this.hand.press(this.startButton);
  }
}

/** A job's page. */
export class Job {
  /** @param {Hand} hand */
  constructor(hand) {
    this.page = hand.page;
  }

  /** Waits for every machine of the job to end well; a failure ends the wait at once, in its own words. @param {number} timeout */
  async untilDone(timeout) {
    const label = this.page.locator('.amorce-heading');
    const over = label.filter({ hasText: /Terminé|Échec|Annulé/ });
    await over.waitFor({ timeout });
    const words = await over.innerText();
    if (!words.includes('Terminé')) throw new Error(`the job did not end well: ${await this.page.locator('main').innerText()}`);
  }
}
