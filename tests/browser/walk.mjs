// Drives a real Chromium for tests/browser/test_*.py: node walk.mjs TASK BASE '{"options": …}'. Prints one JSON object.
// A fresh profile each time; nothing but *.localhost resolves. Every task says what it saw, the Python side judges.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";

const axeSource = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22a", "wcag22aa", "EN-301-549", "best-practice"];
const FLAGS = [
  "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE *.localhost, EXCLUDE 127.0.0.1",
];
const [task, base, options] = [process.argv[2], process.argv[3], JSON.parse(process.argv[4] || "{}")];
const seen = { foreign: [], errors: [], cookies: [], storage: [], violations: [], overflow: [], statuses: {}, steps: [] };

async function open(browser, more = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...more });
  context.on("request", (request) => {
    const url = new URL(request.url());
    if (!["data:", "about:", "blob:"].includes(url.protocol) && url.origin !== base) seen.foreign.push(request.url());
  });
  const page = await context.newPage();
  page.on("pageerror", (error) => seen.errors.push(`${page.url()}: ${error.message}`));
  page.on("console", (message) => {
    if (message.type() === "error" && !message.text().includes("Failed to load resource")) seen.errors.push(`${page.url()}: ${message.text()}`);
  });
  return [context, page];
}

async function remembered(context, page) {
  seen.cookies.push(...(await context.cookies()).map((cookie) => `${page.url()}: ${cookie.name}`));
  const found = await page.evaluate(async () => [
    ...Object.keys(localStorage).map((key) => `localStorage ${key}`),
    ...Object.keys(sessionStorage).map((key) => `sessionStorage ${key}`),
    ...(await indexedDB.databases()).map((database) => `indexedDB ${database.name}`),
    ...("caches" in self ? await caches.keys() : []).map((key) => `cache ${key}`),
    ...("serviceWorker" in navigator ? await navigator.serviceWorker.getRegistrations() : []).map(() => "service worker"),
    ...(document.cookie ? ["document.cookie"] : []),
  ]);
  seen.storage.push(...found.map((what) => `${page.url()}: ${what}`));
}

async function judge(page, label) {
  for (const colorScheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme });
    if (!(await page.evaluate(() => "axe" in self))) await page.evaluate(axeSource);
    const result = await page.evaluate((tags) => self.axe.run(document, { runOnly: { type: "tag", values: tags }, resultTypes: ["violations"] }), TAGS);
    for (const violation of result.violations) {
      const where = violation.nodes.slice(0, 3).map((node) => node.target.join(" ") + (node.any[0] ? ` (${node.any[0].message})` : ""));
      seen.violations.push(`${label} ${colorScheme}: ${violation.id} at ${where.join("; ")}`);
    }
  }
  await page.emulateMedia({ colorScheme: "light" });
}

async function overflows(page, label) {
  const [wide, view] = await page.evaluate(() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]);
  if (wide > view) seen.overflow.push(`${label}: ${wide} > ${view}`);
}

async function look(page, label) {
  for (const width of options.widths || [1280, 390]) {
    await page.setViewportSize({ width, height: 800 });
    if (options.javascript !== false) await judge(page, `${label} ${width}px`); // axe is JavaScript
    await overflows(page, `${label} ${width}px`);
  }
  await page.setViewportSize({ width: 320, height: 640 });
  await overflows(page, `${label} 320px`);
  await page.setViewportSize({ width: 1280, height: 800 });
}

async function fill(page, given) {
  for (const [name, value] of Object.entries(given)) {
    const field = page.locator(`[name="${name}"]`).first();
    if ((await field.getAttribute("type")) === "radio") await page.locator(`[name="${name}"][value="${value}"]`).check();
    else await field.fill(value);
  }
}

async function enter(page, desk = false) {
  await page.goto(`${base}${desk ? "/schreibtisch/anmelden" : "/anmelden"}`);
  await fill(page, desk ? { login: options.login, password: options.password } : { address: options.address, password: options.password });
  await page.locator(desk ? "main form button" : 'button[value="cookie"]').first().click();
  await page.waitForLoadState();
}

async function obscured(page) {
  // what has the focus can be seen: at least one of its corners or its middle is not behind a bar that stays (WCAG 2.2, 2.4.11)
  return page.evaluate(() => {
    const now = document.activeElement;
    if (!now || now === document.body || now.matches(".landing, main, iframe")) return "";
    const parts = [...now.getClientRects()].filter((one) => one.width > 1 && one.height > 1);
    const free = parts.some(({ left, right, top, bottom }) => [[left + 2, top + 2], [right - 2, bottom - 2], [(left + right) / 2, (top + bottom) / 2]].some(([x, y]) => {
      const there = document.elementFromPoint(x, y);
      return there && (now.contains(there) || there.contains(now) || there.closest("label")?.control === now);
    }));
    return free ? "" : now.outerHTML.slice(0, 90);
  });
}

async function tabTo(page, selector) {
  for (let count = 0; count < 80; count++) {
    await page.keyboard.press("Tab");
    const [there, visible] = await page.evaluate((wanted) => {
      const now = document.activeElement;
      const style = getComputedStyle(now);
      return [now.matches(wanted), (style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2) || style.boxShadow !== "none"];
    }, selector);
    if (!visible) seen.errors.push(`no visible focus before ${selector}`);
    if (there) return;
  }
  throw new Error(`Tab never reached ${selector}`);
}

const tasks = {
  async walk(browser) {
    const [context, page] = await open(browser);
    for (const path of options.paths) {
      const response = await page.goto(base + path);
      seen.statuses[path] = response.status();
      await look(page, path);
      await remembered(context, page);
    }
  },

  async order(browser) {
    const [context, page] = await open(browser, { javaScriptEnabled: options.javascript });
    await page.goto(`${base}${options.prefix || ""}/bestellen`);
    await fill(page, options.given);
    await page.locator('button[value="check"]').click();
    if (options.javascript) await look(page, "overview");
    await page.locator("#terms").check();
    if (!options.javascript) await page.waitForTimeout(21_000);
    await page.locator('button[value="place"]').click();
    await page.locator("#wiederherstellungscode").waitFor();
    seen.code = await page.locator("#wiederherstellungscode").textContent();
    if (options.javascript) {
      await look(page, "confirmation");
      await remembered(context, page);
    } else seen.cookies.push(...(await context.cookies()).map((cookie) => cookie.name));
  },

  async mistakes(browser) {
    const [context, page] = await open(browser);
    await page.goto(`${base}/bestellen`);
    await page.locator("form").last().evaluate((form) => { form.noValidate = true; });
    await page.locator('button[value="check"]').click();
    await page.locator("#fehler").waitFor();
    await look(page, "order with mistakes");
    await page.goto(`${base}/anmelden`);
    await fill(page, { address: "niemand@ahaus.net", password: "falsch" });
    await page.locator('button[value="cookie"]').click();
    await look(page, "login with a mistake");
    await remembered(context, page);
  },

  async keyboard(browser) {
    const [context, page] = await open(browser);
    await page.goto(`${base}/bestellen`);
    await page.keyboard.press("Tab");
    seen.steps.push(await page.evaluate(() => document.activeElement.className));
    await page.keyboard.press("Enter");
    seen.steps.push(await page.evaluate(() => document.activeElement.id || location.hash));
    await tabTo(page, "#kind");
    for (const [name, value] of Object.entries(options.given)) {
      await tabTo(page, `#${name}`);
      if (name === "birth_date") await page.keyboard.type(value.split("-").slice(1).join("") + value.slice(0, 4));
      else await page.keyboard.type(value);
    }
    await page.keyboard.press("Enter");
    await page.waitForSelector("#terms");
    await tabTo(page, "#terms");
    await page.keyboard.press("Space");
    await tabTo(page, 'button[value="place"]');
    await page.keyboard.press("Enter");
    await page.locator("#wiederherstellungscode").waitFor();
    await tabTo(page, 'main a[href$="/anmelden"]');
    await page.keyboard.press("Enter");
    await page.waitForSelector("#password");
    await tabTo(page, "#address");
    await page.keyboard.type(`${options.given.localpart}@${options.domain}`);
    await tabTo(page, "#password");
    await page.keyboard.type(options.given.password);
    await page.keyboard.press("Enter");
    await page.waitForURL(/postfach/);
    seen.cookies.push(...(await context.cookies()).map((cookie) => `${cookie.name} ${cookie.expires} ${cookie.httpOnly} ${cookie.sameSite}`));
    await tabTo(page, 'form[action$="/abmelden"] button');
    await page.keyboard.press("Enter");
    await page.waitForURL(/abgemeldet/);
    seen.steps.push(page.url());
  },

  async programs(browser) {
    const [context, page] = await open(browser);
    await page.goto(`${base}/anmelden`);
    await fill(page, { address: options.address, password: options.password });
    await page.locator('button[value="cookie"]').click();
    await page.waitForURL(/postfach/);
    const here = `${base}${options.prefix}/datenschutz/meine-daten/mailprogramme`;
    await page.goto(here);
    await look(page, "no app password yet");
    await page.locator("#submission").uncheck();
    await page.locator("#imap").uncheck();
    await fill(page, { label: "Telefon", password: options.password });
    await page.locator('form[action$="/mailprogramme"] button').click();
    await page.locator("#fehler").waitFor();
    await look(page, "an app password for nothing");
    await page.locator("#imap").check();
    await fill(page, { label: "Telefon", password: options.password });
    await page.locator('form[action$="/mailprogramme"] button').click();
    seen.code = await page.locator('[data-code="app-password"]').textContent();
    await look(page, "a new app password");
    await page.goto(here);
    await look(page, "one app password");
    await page.goto(`${here}/loginpasswort`);
    await look(page, "the switch, off");
    await fill(page, { password: options.password });
    await page.locator('button[value="on"]').click();
    await page.goto(`${here}/loginpasswort`);
    await look(page, "the switch, on");
    seen.cookies.push(...(await context.cookies()).map((cookie) => cookie.name));
  },

  async passkeys(browser) {
    const [context, page] = await open(browser);
    const shoot = async (name) => {
      if (!options.shots) return;
      for (const [width, colorScheme] of [[1280, "light"], [390, "light"], [390, "dark"]]) {
        await page.setViewportSize({ width, height: 900 });
        await page.emulateMedia({ colorScheme });
        await page.screenshot({ path: `${options.shots}/${name}-${width}-${colorScheme}.png`, fullPage: true });
      }
      await page.emulateMedia({ colorScheme: "light" });
      await page.setViewportSize({ width: 1280, height: 800 });
    };
    const seeing = async (name) => { await look(page, name); await shoot(name.replaceAll(" ", "-")); };
    const device = await context.newCDPSession(page);
    await device.send("WebAuthn.enable");
    const made = { protocol: "ctap2", transport: "internal", hasResidentKey: true, hasUserVerification: true, isUserVerified: true };
    await device.send("WebAuthn.addVirtualAuthenticator", { options: { ...made, automaticPresenceSimulation: true } });
    const login = async () => {
      await page.goto(`${base}/anmelden`);
      await fill(page, { address: options.address, password: options.password });
      await page.locator('button[value="cookie"]').click();
    };
    await login();
    await page.waitForURL(/postfach/);
    const here = `${base}${options.prefix}/datenschutz/meine-daten/zweiter-faktor`;
    await page.goto(here);
    await seeing("no second factor");
    await page.goto(`${here}/passkey`);
    await seeing("a new passkey");
    await fill(page, { label: "Telefon", password: options.password });
    await page.locator('form[action$="/passkey"] .kern-btn--primary').click();
    await page.locator("[data-spare-code]").first().waitFor();
    seen.code = await page.locator("[data-spare-code]").first().textContent();
    await seeing("spare codes");
    await page.goto(`${here}?fertig=faktor-passkey`);
    await seeing("one passkey");
    await page.goto(`${here}/abschalten?what=all`);
    await seeing("off");
    await page.goto(`${here}/app`);
    await seeing("a new app");
    await page.locator('form[action$="/abmelden"] button').click();
    await page.waitForURL(/abgemeldet/);
    seen.cookies.push(...(await context.cookies()).map((cookie) => `after the end: ${cookie.value}`));
    await login();
    await page.locator("[data-passkey] button").waitFor();
    await seeing("second step");
    await page.locator("[data-passkey] button").click();
    await page.waitForURL(/postfach/);
    seen.steps.push("in by passkey");
    await page.locator('form[action$="/abmelden"] button').click();
    await login();
    await page.locator("#code").fill("000000");
    await page.locator('form[action$="/zweiter-schritt"] .kern-btn--primary').click();
    await page.locator("#fehler").waitFor();
    await seeing("second step with a mistake");
    await page.locator("#code").fill(seen.code);
    await page.locator('form[action$="/zweiter-schritt"] .kern-btn--primary').click();
    await page.waitForURL(/postfach/);
    seen.steps.push("in by spare code");
    await page.goto(`${here}/passkey`);
    await fill(page, { label: "Schlüssel", password: options.password });
    await page.locator("[data-passkey] button").click();
    await page.locator("[data-status]").filter({ hasText: /./ }).waitFor(); // the device has one already
    seen.steps.push("excluded");
  },

  async alone(browser) {
    // a passkey instead of name and password, before and after sealing; `prf`: does the device have a pseudo-random function?
    const [context, page] = await open(browser);
    const device = await context.newCDPSession(page);
    await device.send("WebAuthn.enable");
    const made = { protocol: "ctap2", ctap2Version: "ctap2_1", transport: "internal", hasResidentKey: true, hasUserVerification: true, isUserVerified: true };
    const { authenticatorId } = await device.send("WebAuthn.addVirtualAuthenticator", { options: { ...made, hasPrf: options.prf, automaticPresenceSimulation: true } });
    const centre = `${base}${options.prefix}/datenschutz/meine-daten`;
    const shoot = async (name) => {
      await look(page, name);
      if (!options.shots) return;
      for (const [width, colorScheme] of [[1280, "light"], [390, "light"], [390, "dark"]]) {
        await page.setViewportSize({ width, height: 900 });
        await page.emulateMedia({ colorScheme });
        await page.screenshot({ path: `${options.shots}/${name}-${width}-${colorScheme}.png`, fullPage: true });
      }
      await page.emulateMedia({ colorScheme: "light" });
      await page.setViewportSize({ width: 1280, height: 800 });
    };
    const allow = async () => {
      await page.goto(`${centre}/zweiter-faktor/ohne-passwort`);
      await fill(page, { password: options.password });
      await page.locator("form[data-alone] .kern-btn--primary").click();
    };
    const leave = async () => {
      await page.locator('form[action$="/abmelden"] button').click();
      await page.waitForURL(/abgemeldet/);
      await page.goto(`${base}${options.prefix}/anmelden`);
    };
    const enter = () => page.locator('[data-login-place] [data-way="cookie"]').click();
    await page.goto(`${base}/anmelden`);
    await fill(page, { address: options.address, password: options.password });
    await page.locator('button[value="cookie"]').click();
    await page.waitForURL(/postfach/);
    await page.goto(`${centre}/zweiter-faktor/passkey`);
    await fill(page, { label: "Telefon", password: options.password });
    await page.locator('form[action$="/passkey"] .kern-btn--primary').click();
    await page.locator("[data-spare-code]").first().waitFor();
    await page.goto(`${centre}/zweiter-faktor/ohne-passwort`);
    await shoot("switch it on");
    await allow();
    await page.waitForURL(/fertig=ohne-passwort/);
    await shoot("switched on");
    await leave();
    await shoot("log in");
    if (!options.prf) { // Chromium's device with that function stays closed after a refusal
      await device.send("WebAuthn.setUserVerified", { authenticatorId, isUserVerified: false });
      await enter();
      await page.locator("[data-login-place] [data-status]").filter({ hasText: /./ }).waitFor();
      seen.steps.push("unverified: no");
      await device.send("WebAuthn.setUserVerified", { authenticatorId, isUserVerified: true });
    }
    await enter();
    await page.waitForURL(/postfach/);
    seen.steps.push("in by passkey alone");
    await page.goto(`${centre}/versiegelung`);
    await page.locator("#understood").check();
    await fill(page, { password: options.password });
    await page.locator('button[value="seal"]').click();
    await page.locator('[data-code="recovery"]').waitFor();
    await allow();
    if (options.prf) {
      await page.waitForURL(/fertig=ohne-passwort/);
      await leave();
      await enter();
      await page.waitForURL(/postfach/);
      await page.goto(`${base}${options.prefix}/postfach`);
      await page.locator(".letter").first().waitFor();
      seen.steps.push("the sealed mailbox is open");
    } else {
      await page.locator("#fehler").waitFor();
      await shoot("no key for a sealed mailbox");
      seen.steps.push("sealed: no");
      await leave();
      await enter();
      await page.locator("#fehler").waitFor();
      seen.steps.push(new URL(page.url()).pathname.endsWith("/anmelden/passkey") ? "sealed: not in" : "in");
    }
  },

  async write(browser) {
    const [context, page] = await open(browser, { javaScriptEnabled: options.javascript });
    await page.goto(`${base}/anmelden`);
    await fill(page, { address: options.address, password: options.password });
    await page.locator('button[value="cookie"]').click();
    await page.waitForURL(/postfach/);
    await page.goto(`${base}${options.prefix}/postfach/schreiben`);
    await page.locator("form.compose summary").first().click();
    await fill(page, { to: options.address, subject: "Probe", text: "Hallo" });
    const file = { name: "liste.txt", mimeType: "text/plain", buffer: Buffer.alloc(200_000, "a") };
    if (options.javascript) {
      await look(page, "the empty form");
      await page.waitForFunction(() => document.querySelector("[data-saved]").textContent, null, { timeout: 20_000 });
      seen.steps.push(`saved as ${await page.locator("[name=draft]").inputValue()}`);
      await page.locator("#file").setInputFiles([file]);
      await page.waitForURL(/stand=angehaengt/);
    } else {
      await page.locator("#file").setInputFiles([file]);
      await page.locator("[data-attach]").click();
    }
    seen.steps.push(await page.locator(".attached bdi").textContent(), await page.locator("#text").inputValue());
    if (options.javascript) await look(page, "a file");
    if (options.javascript) {
      await page.locator("[data-rich]").click();
      await page.locator(".written").press("Control+a");
      await page.locator("[data-do=bold]").click();
      await look(page, "with a design");
    }
    await fill(page, { to: "niemand@ahaus.net" });
    await page.locator('button[value="send"]').click();
    await page.locator("#fehler").waitFor();
    if (options.javascript) await look(page, "a mistake");
    await fill(page, { to: options.address });
    await page.locator('button[value="send"]').click();
    await page.waitForURL(/geplant/);
    if (options.javascript) await look(page, "held back");
    await page.locator('button[value="stop"]').click();
    await page.waitForURL(/stand=zurueck/);
    seen.steps.push(await page.locator("#subject").inputValue());
    if (options.javascript) seen.steps.push((await page.locator(".written").innerHTML()).trim());
    for (const path of ["/postfach/geplant", "/postfach/signatur"]) {
      await page.goto(`${base}${options.prefix}${path}`);
      if (options.javascript) await look(page, path);
    }
    seen.cookies.push(...(await context.cookies()).map((cookie) => cookie.name));
  },

  async settings(browser) {
    const [context, page] = await open(browser, { javaScriptEnabled: options.javascript });
    const step = async (label, fields, button, prepare = async () => {}) => {
      await fill(page, fields);
      await prepare();
      await Promise.all([page.waitForNavigation(), page.locator(button).first().click()]);
      await look(page, label);
    };
    await page.goto(`${base}/anmelden`);
    await fill(page, { address: options.address, password: options.password });
    await page.locator('button[value="cookie"]').click();
    await page.waitForURL(/postfach/);
    const here = `${base}${options.prefix}/postfach/einstellungen`;
    await page.goto(here);
    await look(page, "nothing set");
    await page.goto(`${here}/filter/neu`);
    await step("a rule without a condition", { name: "Verein" }, 'button.kern-btn[value="save"]');
    await step("a rule tried out", { text1: "postmaster" }, 'button[value="try"]', () => page.locator("#folder").selectOption("5"));
    await step("one rule", {}, 'button.kern-btn[value="save"]');
    await step("a rule deleted", {}, 'button[value="delete"]');
    await step("a rule taken back", {}, 'button[value="undo"]');
    seen.steps.push(await page.locator(".rules__one h2").first().textContent());
    await page.goto(`${here}/filter/skripte/neu`);
    await step("a script with a mistake", { name: "x", text: 'keep;\n fileinto "a";' }, 'button[value="save"]');
    await page.goto(`${here}/filter/skripte`);
    await look(page, "scripts");
    await page.goto(`${here}/abwesenheit`);
    await step("away", { until: options.until, text: "Bin bald wieder da." }, 'button[value="save"]');
    await page.goto(`${here}/weiterleitung`);
    await step("a forwarding that waits", { address: "a@privat.example" }, 'button[value="add"]');
    await page.goto(`${here}/adressen`);
    await step("a further address", { localpart: `${options.address.split("@")[0]}.2` }, 'button[value="add"]', () => page.locator("#temporary").check());
    await page.locator(".rules__one a.tool").click();
    await look(page, "an address goes");
    await page.goto(`${here}/ansicht`);
    await step("the view", {}, "main form button", () => page.locator("#eng").check());
    await page.goto(here);
    await look(page, "all set");
    await page.goto(`${base}${options.prefix}/postfach`);
    await look(page, "a mailbox with an absence");
    seen.cookies.push(...(await context.cookies()).map((cookie) => cookie.name));
  },

  async shares(browser) {
    // a folder from its holder to its guest and back, every page of both looked at
    const [, mine] = await open(browser);
    await enter(mine);
    const here = `${base}${options.prefix}/postfach/freigaben`;
    await mine.goto(here);
    await look(mine, "nothing shared");
    await fill(mine, { address: "niemand@ahaus.net" });
    await mine.locator("#folder").selectOption("1");
    await mine.locator('button[value="give"]').click();
    await mine.locator("#fehler").waitFor();
    await look(mine, "nobody to share with");
    await fill(mine, { address: options.guest });
    await mine.locator('button[value="give"]').click();
    await mine.waitForURL(/fertig=freigegeben/);
    await look(mine, "a folder shared");
    const [, theirs] = await open(browser);
    await theirs.goto(`${base}/anmelden`);
    await fill(theirs, { address: options.guest, password: options.password });
    await theirs.locator('button[value="cookie"]').click();
    await theirs.waitForURL(/postfach/);
    await theirs.goto(here);
    await look(theirs, "a folder offered");
    await theirs.locator('button[value="show"]').click();
    await theirs.waitForURL(/geteilt/);
    await look(theirs, "a folder of somebody else");
    await theirs.locator(".mail__main a.letter").first().click();
    await theirs.locator("#betreff").waitFor();
    await look(theirs, "a message of somebody else");
    seen.steps.push(await theirs.locator("#betreff").innerText());
    await theirs.goto(here);
    await look(theirs, "a folder accepted");
    await theirs.locator('button[value="hide"]').click();
    await theirs.waitForURL(/fertig=ausgeblendet/);
    await look(theirs, "a folder put away");
    await theirs.locator('button[value="leave"]').click();
    await theirs.waitForURL(/fertig=verlassen/);
    await look(theirs, "a folder given back");
  },

  async pictures(browser) {
    // the notice about pictures from the internet in its states: they wait, they are shown, they are always shown
    const [, page] = await open(browser);
    await enter(page);
    await page.goto(`${base}${options.prefix}/postfach`);
    await page.locator("a.letter", { hasText: "Bunter Brief" }).click();
    await page.locator("#bilder").waitFor();
    const drawn = async (label) => {
      await look(page, label);
      const pictures = await page.frames().at(-1).locator("img[src]").evaluateAll((found) => found.filter((one) => one.naturalWidth).length);
      seen.steps.push(`${label}: ${pictures}`);
    };
    await drawn("they wait");
    if (options.only) return;
    await page.locator('button[value="once"]').click();
    await page.waitForURL(/bilder=/);
    await drawn("they are shown");
    await page.locator('button[value="always"]').click();
    await page.locator('#bilder ~ p a[href$="/einstellungen/bilder"]').waitFor();
    await drawn("they are always shown");
    await page.goto(`${base}${options.prefix}/postfach/einstellungen/bilder`);
    await look(page, "whose pictures are shown");
    await page.locator('main form[action$="/bilder"] button').first().click();
    await page.waitForURL(/fertig=bilder-weg/);
    await look(page, "nobody's pictures are shown");
  },

  async lost(browser) {
    // a session ends while its owner writes: what they typed is there again
    const [context, page] = await open(browser, { javaScriptEnabled: options.javascript });
    await enter(page);
    await page.goto(`${base}${options.prefix}/postfach/schreiben`);
    await fill(page, { to: options.address, subject: "Lange Probe", text: "Was lange dauert" });
    const file = { name: "gross.bin", mimeType: "application/octet-stream", buffer: Buffer.alloc(20_000_000, "a") };
    if (!options.javascript) await page.locator("#file").setInputFiles([file]);
    const other = await context.newPage();
    await other.goto(`${base}/postfach`);
    await other.locator('form[action$="/abmelden"] button').click();
    await other.waitForURL(/abgemeldet/);
    await page.locator('button.kern-btn[value="save"]').click();
    await page.locator("textarea[readonly]").waitFor();
    await look(page, "nobody's form");
    seen.steps.push(await page.locator("#text").inputValue());
    await enter(other);
    await other.waitForURL(/postfach/);
    await page.locator('main form[action*="/schreiben"] button').click();
    await page.locator("#fehler").waitFor();
    await look(page, "the form again");
    await page.locator('button.kern-btn[value="save"]').click();
    await page.waitForURL(/stand=gespeichert/);
    seen.steps.push(await page.locator("#subject").inputValue(), (await page.locator("#text").inputValue()).trimEnd());
  },

  async link(browser) {
    const [context, page] = await open(browser, { javaScriptEnabled: options.javascript });
    await page.goto(`${base}/anmelden`);
    await fill(page, { address: options.address, password: options.password });
    await page.locator('button[value="url"]').click();
    await page.waitForURL(/\/s\/[\w-]{43}\//);
    const inside = page.url();
    seen.cookies.push(...(await context.cookies()).map((cookie) => cookie.name));
    await page.locator('footer a[href$="/hilfe"]').click();
    seen.steps.push(page.url().includes("/s/") ? "still inside" : "lost");
    const [, stranger] = await open(browser, { userAgent: "another browser" });
    await stranger.goto(inside);
    seen.steps.push(new URL(stranger.url()).pathname);
    await page.locator('form[action$="/abmelden"] button').click();
    await page.waitForURL(/abgemeldet/);
    await page.goto(inside);
    seen.steps.push(new URL(page.url()).pathname);
  },

  async inside(browser) {
    const [context, page] = await open(browser);
    await enter(page, Boolean(options.login));
    for (const path of options.paths) {
      const response = await page.goto(base + path);
      seen.statuses[path] = response.status();
      for (const width of [1280, 390, 320]) {
        await page.setViewportSize({ width, height: 800 });
        await judge(page, `${path} ${width}px`);
        await overflows(page, `${path} ${width}px`);
      }
      await page.setViewportSize({ width: 320, height: 200 }); // 1280 by 800 at 400 %
      await overflows(page, `${path} at 400 %`);
      await page.setViewportSize({ width: 1280, height: 800 });
      await remembered(context, page);
    }
    seen.cookies = [...new Set(seen.cookies.map((found) => found.split(": ").at(-1)))];
  },

  async taps(browser) {
    // at the thumb, without JavaScript: every place can be seen and is large enough before anything is scrolled
    const [, page] = await open(browser, { javaScriptEnabled: false, viewport: { width: options.width, height: 800 } });
    await enter(page);
    for (const path of options.paths) {
      await page.goto(base + path);
      for (const place of await page.locator(".places a, .places button").all()) {
        const box = await place.boundingBox();
        if (!box || box.y < 0 || box.y + box.height > 800 || box.x < 0 || box.x + box.width > options.width) seen.errors.push(`${path}: ${await place.innerText()} is out of sight`);
        else if (box.width < 44 || box.height < 44) seen.errors.push(`${path}: ${await place.innerText()} is small`);
        else seen.steps.push((await place.innerText()).trim());
      }
    }
  },

  async keysAnswer(browser) {
    const [, page] = await open(browser, { viewport: { width: options.width, height: 800 } });
    await page.goto(`${base}/anmelden`);
    await tabTo(page, "#address");
    await page.keyboard.type(options.address);
    await tabTo(page, "#password");
    await page.keyboard.type(options.password);
    await page.keyboard.press("Enter");
    await page.waitForURL(/start/);
    await tabTo(page, 'a[href$="/postfach"]');
    await page.keyboard.press("Enter");
    await page.waitForURL(/postfach$/);
    await tabTo(page, ".letter");
    await page.keyboard.press("Enter");
    await page.waitForSelector("#betreff");
    await tabTo(page, '[href*="/antworten"]');
    await page.keyboard.press("Enter");
    await page.waitForSelector("form[data-compose]");
    if (!(await page.evaluate(() => document.activeElement.matches("#text")))) await tabTo(page, "#text");
    await page.keyboard.type("Mit den Tasten.");
    await tabTo(page, 'button.kern-btn[value="send"]');
    await page.keyboard.press("Enter");
    await page.waitForURL((url) => !url.pathname.includes("schreiben") && !url.pathname.includes("antworten"));
    seen.steps.push(await page.locator("[role=status]").first().innerText());
    await page.goto(`${base}/postfach`);
    await tabTo(page, ".letter");
    await page.keyboard.press("Enter");
    await page.waitForSelector("#betreff");
    await tabTo(page, 'button[name="tun"][value="loeschen"]');
    await page.keyboard.press("Enter");
    await page.waitForURL(/getan=/);
    seen.steps.push((await page.locator(".done").innerText()).includes("Papierkorb") ? "deleted" : page.url());
    await tabTo(page, 'form[action*="zurueck"] button, form[action*="rueckgaengig"] button');
    const before = page.url();
    await page.keyboard.press("Enter");
    await page.waitForURL((url) => String(url) !== before);
    seen.steps.push((await page.locator(".done").innerText()).includes("zurück in") ? "back" : page.url());
  },

  async keysInside(browser) {
    const [, page] = await open(browser, { viewport: { width: options.width, height: 800 }, reducedMotion: "reduce" });
    const go = async (selector) => {
      for (let count = 0; count < 120; count++) {
        await page.keyboard.press("Tab");
        await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))); // it has been scrolled to
        const covered = await obscured(page);
        if (covered) seen.errors.push(`${page.url()}: behind something: ${covered}`);
        const [there, invisible] = await page.evaluate((wanted) => {
          const style = getComputedStyle(document.activeElement);
          const is = document.activeElement; // the body: the round begins again
          return [is.matches(wanted), is === document.body || (style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2) ? "" : is.outerHTML.slice(0, 90)];
        }, selector);
        if (invisible) seen.errors.push(`${page.url()}: no visible focus on ${invisible}`);
        if (there) return;
      }
      throw new Error(`Tab never reached ${selector}`);
    };
    await page.goto(`${base}/anmelden`);
    await go("#address");
    await page.keyboard.type(options.address);
    await go("#password");
    await page.keyboard.type(options.password);
    await page.keyboard.press("Enter");
    await page.waitForURL(/start/);
    await go('a[href$="/postfach"]');
    await page.keyboard.press("Enter");
    await page.waitForURL(/postfach$/);
    await go(".letter");
    await page.keyboard.press("Enter");
    await page.waitForSelector("#betreff");
    seen.steps.push(await page.locator("#betreff").innerText());
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter"); // the skip link
    seen.steps.push(await page.evaluate(() => location.hash));
    await go('.places a[href$="/suchen"]');
    await page.keyboard.press("Enter");
    await page.waitForSelector("#text");
    await go("#text");
    await page.keyboard.type(options.word);
    await page.keyboard.press("Enter");
    await page.waitForSelector("#treffer");
    seen.steps.push(`${await page.locator(".letters > li").count()} found`);
    await go('form[action$="/abmelden"] button');
    await page.keyboard.press("Enter");
    await page.waitForURL(/abgemeldet/);
    seen.steps.push(new URL(page.url()).pathname);
  },

  async weight(browser) {
    const [context, page] = await open(browser);
    if (options.address) await enter(page);
    const state = await context.storageState();
    for (const path of options.paths) {
      const [, fresh] = await open(browser, { storageState: state });
      const asked = [];
      fresh.on("requestfinished", (request) => asked.push(request.sizes()));
      await fresh.goto(base + path, { waitUntil: "networkidle" });
      seen.statuses[path] = (await Promise.all(asked)).reduce((sum, one) => sum + one.responseBodySize + one.responseHeadersSize, 0);
      await fresh.context().close();
    }
  },

  async tree(browser) {
    // what a screen reader is told: steps are "path: problem"; statuses are how many controls each page has
    const [context, page] = await open(browser);
    if (options.address) await enter(page);
    const ears = await context.newCDPSession(page);
    const CONTROLS = ["button", "link", "textbox", "searchbox", "combobox", "checkbox", "radio", "DisclosureTriangle", "Iframe", "meter", "navigation", "img", "image"];
    for (const path of options.paths) {
      await page.goto(base + path);
      if (options.plant) await page.evaluate((html) => document.querySelector("main").insertAdjacentHTML("beforeend", html), options.plant);
      const { nodes } = await ears.send("Accessibility.getFullAXTree");
      const told = nodes.filter((node) => !node.ignored).map((node) => ({ role: node.role?.value, name: (node.name?.value || "").trim(), is: Object.fromEntries((node.properties || []).map((one) => [one.name, one.value.value])) }));
      const controls = told.filter((one) => CONTROLS.includes(one.role));
      for (const one of controls) if (!one.name) seen.steps.push(`${path}: a ${one.role} without a name`);
      const levels = told.filter((one) => one.role === "heading").map((one) => Number(one.is.level));
      if (levels.filter((level) => level === 1).length !== 1) seen.steps.push(`${path}: headings of level 1: ${levels}`);
      levels.forEach((level, at) => { if (level > (levels[at - 1] || 0) + 1) seen.steps.push(`${path}: a level of headings is left out: ${levels}`); });
      for (const landmark of ["banner", "main", "contentinfo"]) if (told.filter((one) => one.role === landmark).length !== 1) seen.steps.push(`${path}: not one ${landmark}`);
      if (options.live?.includes(path) && !told.some((one) => one.is.live === "polite")) seen.steps.push(`${path}: nothing that is announced`);
      for (const one of told) if (one.role === "button" && one.name.startsWith("Markiert:") && one.is.pressed === undefined) seen.steps.push(`${path}: a star without a state`);
      seen.statuses[path] = controls.length;
    }
  },

  async zoom(browser) {
    // 1280 by 1024 at 400 percent: nothing to scroll sideways, and no bar that stays over what is read (WCAG 2.2, 1.4.10)
    const [, page] = await open(browser, { viewport: { width: 320, height: 256 } });
    if (options.address) await enter(page);
    for (const path of options.paths) {
      await page.goto(base + path);
      await overflows(page, path);
      const stays = await page.evaluate(() => [...document.querySelectorAll("body *")].filter((one) => ["fixed", "sticky"].includes(getComputedStyle(one).position)).map((one) => one.className));
      if (stays.length) seen.steps.push(`${path}: ${stays}`);
    }
  },

  async planted(browser) {
    // what must be seen: a walk that finds nothing proves something only because it finds these
    const [context, page] = await open(browser);
    await page.goto(`${base}/hilfe`);
    await page.evaluate(() => {
      const wide = document.createElement("p");
      wide.textContent = "planted";
      wide.style.width = "3000px";
      wide.style.color = "#eeeeee";
      wide.style.background = "#ffffff";
      document.querySelector("main h1").after(wide, document.createElement("img"));
      document.cookie = "planted=1";
      localStorage.setItem("planted", "1");
      sessionStorage.setItem("planted", "1");
    });
    await look(page, "planted");
    await remembered(context, page);
    await page.goto("data:text/html,<img src='http://elsewhere.example/pixel.png'>");
    await page.waitForTimeout(300);
  },

  async print(browser) {
    const [, page] = await open(browser);
    if (options.address) await enter(page);
    await page.emulateMedia({ media: "print", colorScheme: "dark" });
    for (const path of options.paths) {
      await page.goto(base + path);
      for (const shown of await page.locator(".top nav, .tongue, .foot, .toc, .mail__side, .tools, .search, .buttons").all()) if (await shown.isVisible()) seen.errors.push(`${path}: navigation on paper`);
      const [ink, paper] = await page.evaluate(() => [getComputedStyle(document.body).color, getComputedStyle(document.body).backgroundColor]);
      if (ink !== "rgb(0, 0, 0)" || paper !== "rgb(255, 255, 255)") seen.errors.push(`${path}: ${ink} on ${paper} on paper`);
      seen.steps.push((await page.locator("h1").first().isVisible()) ? "title" : "nothing");
    }
  },
};

const browser = await chromium.launch({ executablePath: options.chromium || "/usr/bin/chromium", args: FLAGS });
try {
  await tasks[task](browser);
  console.log(JSON.stringify(seen));
} finally {
  await browser.close();
}
