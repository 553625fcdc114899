// Tests the console in a browser. scripts/test-admin.sh runs it after `next build`. Arguments select files in this folder.
import { globSync } from "node:fs";
import path from "node:path";
import { start } from "./world.mjs";

const files = globSync(path.join(import.meta.dirname, "*.test.mjs")).sort();
const chosen = process.argv.slice(2);
const world = await start();
let passed = 0;
try {
  for (const file of files.filter(
    (file) => chosen.length === 0 || chosen.some((name) => file.includes(name)),
  )) {
    const { tests } = await import(file);
    for (const [name, test] of Object.entries(tests)) {
      const since = performance.now();
      try {
        await test(world);
        passed += 1;
        console.log(`ok     ${name} (${((performance.now() - since) / 1000).toFixed(1)} s)`);
      } catch (error) {
        process.exitCode = 1;
        console.log(`FAILED ${name}\n${error.stack}\n${world.said().slice(-2000)}`);
        for (const context of world.browser.contexts())
          for (const page of context.pages())
            console.log(
              page.url(),
              (
                await page
                  .locator("body")
                  .innerText()
                  .catch(() => "")
              ).slice(0, 800),
            );
      }
      for (const context of world.browser.contexts()) await context.close();
    }
  }
} finally {
  await world.stop();
}
console.log(`${passed} tests passed`);
