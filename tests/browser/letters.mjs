// Reads mail in a real Chromium: node letters.mjs TASK BASE '{"options": …}'. Prints one JSON object; the Python side judges.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";

const axeSource = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22a", "wcag22aa", "EN-301-549", "best-practice"];
const FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE *.localhost, EXCLUDE 127.0.0.1"];
const [task, base, options] = [process.argv[2], process.argv[3], JSON.parse(process.argv[4] || "{}")];
const seen = { opened: 0, dialogs: [], foreign: [], violations: [], overflow: [], steps: [], errors: [] };

async function login(browser, more = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...more });
  const page = await context.newPage();
  page.on("dialog", (dialog) => { seen.dialogs.push(dialog.message()); dialog.dismiss(); });
  page.on("pageerror", (error) => seen.errors.push(error.message));
  context.on("page", (other) => seen.foreign.push(`opened ${other.url()}`));
  page.on("framenavigated", (frame) => { if (!["about:", "chrome-error:"].includes(new URL(frame.url()).protocol) && new URL(frame.url()).origin !== base) seen.foreign.push(frame.url()); });
  await page.goto(`${base}/anmelden`);
  await page.fill('[name="address"]', options.address);
  await page.fill('[name="password"]', options.password);
  await page.locator('button[value="cookie"]').click();
  await page.waitForURL(/postfach/);
  await page.goto(`${base}/postfach`);
  return page;
}

async function judge(page, label) {
  for (const [width, colorScheme] of [[1280, "light"], [390, "light"], [1280, "dark"], [390, "dark"]]) {
    await page.setViewportSize({ width, height: 800 });
    await page.emulateMedia({ colorScheme });
    if (!(await page.evaluate(() => "axe" in self))) await page.evaluate(axeSource);
    const result = await page.evaluate((tags) => self.axe.run(document, { runOnly: { type: "tag", values: tags }, resultTypes: ["violations"] }), TAGS);
    for (const one of result.violations) seen.violations.push(`${label} ${width} ${colorScheme}: ${one.id} at ${one.nodes.slice(0, 3).map((node) => node.target.join(" ")).join("; ")}`);
  }
  await page.setViewportSize({ width: 320, height: 640 });
  const [wide, view] = await page.evaluate(() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]);
  if (wide > view) seen.overflow.push(`${label}: ${wide} > ${view}`);
  await page.setViewportSize({ width: 1280, height: 800 });
  await page.emulateMedia({ colorScheme: "light" });
}

const letters = (page) => page.locator("a.letter").evaluateAll((found) => found.map((one) => one.getAttribute("href")));

const tasks = {
  async hostile(browser) {
    const page = await login(browser);
    await judge(page, "list");
    const links = [];
    for (const folder of ["", "/5", "/6"]) {
      await page.goto(`${base}/postfach${folder}`);
      links.push(...(await letters(page)));
    }
    for (const link of links) {
      for (const path of [link, `${link}/html`, `${link}?als=text`, `${link}/druck`]) {
        await page.goto(base + path, { waitUntil: "load" });
        await page.waitForTimeout(250);
        seen.opened += 1;
      }
      await page.goto(base + link);
      if (options.looks) await judge(page, link);
    }
  },

  async pictures(browser) {
    const page = await login(browser);
    page.on("request", (request) => { if (!["data:", "about:"].includes(new URL(request.url()).protocol) && new URL(request.url()).origin !== base) seen.foreign.push(request.url()); });
    await page.goto(base + options.path, { waitUntil: "load" });
    for (const frame of page.frames().filter((one) => one !== page.mainFrame())) {
      const pictures = await frame.locator("img[src]").all();
      for (const one of pictures) seen.steps.push(await one.evaluate((found) => `${found.naturalWidth} x ${found.naturalHeight}`));
    }
  },

  async journey(browser) {
    const page = await login(browser, { javaScriptEnabled: options.javascript });
    const before = (await letters(page)).length;
    await page.locator('input[name="uid"]').nth(0).check();
    await page.locator('input[name="uid"]').nth(1).check();
    await page.locator('.handle button[value="loeschen"]').click();
    seen.steps.push(await page.locator(".done p").innerText());
    await page.locator(".done button").click();
    seen.steps.push(await page.locator(".done p").innerText());
    seen.steps.push((await letters(page)).length === before ? "all there" : "some missing");
    await page.locator('.star').first().click();
    await page.locator('.views a[href*="nur=markiert"]').click();
    seen.steps.push(String((await letters(page)).length));
    await page.locator("a.letter").first().click();
    await page.locator('.handle button[value="archiv"]').click();
    seen.steps.push(await page.locator(".done p").innerText());
    if (options.javascript) {
      await page.goto(`${base}/postfach`);
      await page.locator('input[name="alle"]').check();
      seen.steps.push((await page.locator('input[name="uid"]:not(:checked)').count()) ? "not all" : "all ticked");
      await page.locator('input[name="alle"]').uncheck();
      await page.locator(".keys a").first().click();
      await page.keyboard.press("j");
      await page.keyboard.press("j");
      await page.keyboard.press("x");
      seen.steps.push(`${await page.locator('input[name="uid"]:checked').count()} ticked by key`);
      await page.keyboard.press("#");
      await page.waitForURL(/getan=/);
      seen.steps.push(await page.locator(".done p").innerText());
      await page.locator(".row").first().dragTo(page.locator('.mail__side a[data-folder="5"]'));
      await page.waitForURL(/getan=/);
      await page.waitForTimeout(300);
      seen.steps.push(await page.locator(".done p").innerText());
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
