import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";
const axeSource = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const out="/tmp/sealedwork/", base="http://ahaus.localhost:21500", PW="sieben stille Wiesen 4";
const browser = await chromium.launch({executablePath:"/usr/bin/chromium",args:["--no-sandbox","--headless","--disable-gpu","--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE *.localhost, EXCLUDE 127.0.0.1"]});
const ctx = await browser.newContext({viewport:{width:1280,height:800}});
const page = await ctx.newPage(); page.setDefaultTimeout(90000);
async function look(name){
  for (const [w,scheme] of [[1280,"light"],[390,"light"],[390,"dark"],[1280,"dark"]]){
    await page.setViewportSize({width:w,height:800}); await page.emulateMedia({colorScheme:scheme});
    const [a,b]=await page.evaluate(()=>[document.documentElement.scrollWidth,document.documentElement.clientWidth]);
    if(a>b) console.log("OVERFLOW",name,w,a,b);
    if (scheme==="light"||w===390) await page.screenshot({path:`${out}${name}-${w}-${scheme}.png`,fullPage:true});
    if(!(await page.evaluate(()=>"axe" in self))) await page.evaluate(axeSource);
    const r=await page.evaluate(()=>self.axe.run(document,{resultTypes:["violations"]}));
    for(const v of r.violations) console.log("AXE",name,w,scheme,v.id,v.nodes[0].target.join(" "));
  }
  await page.setViewportSize({width:1280,height:800}); await page.emulateMedia({colorScheme:"light"});
}
const P=base+"/datenschutz/meine-daten/versiegelung";
await page.goto(base+"/anmelden"); await page.fill("#address",process.argv[2]); await page.fill("#password",PW);
await page.click("main form button.kern-btn--primary"); await page.waitForURL(/postfach/);
await page.goto(P); await look("standard");
await page.check("#understood"); await page.fill("#password","falsch"); await page.click("button[value=seal]"); await page.waitForSelector(".kern-error, .problems"); await look("wrong");
await page.check("#understood"); await page.fill("#password",PW); await page.click("button[value=seal]"); await page.waitForSelector("[data-code]"); await look("code");
console.log("code", (await page.textContent("[data-code]")).length);
await page.goto(P); await look("open");
await page.goto(P+"?tun=code"); await look("newcode");
await page.goto(P+"?tun=aufheben"); await look("unseal");
await page.goto(base+"/postfach"); console.log(await page.title()); await page.screenshot({path:out+"box.png"});
await page.goto(base+"/postfach/importieren"); await look("import");
await page.goto(base+"/datenschutz/meine-daten"); await look("mydata");
await page.goto(base+"/en/datenschutz/meine-daten/versiegelung"); await page.screenshot({path:out+"en.png",fullPage:true});
await browser.close();
