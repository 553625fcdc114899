// Saves screenshots of every page, or of the named ones, to tests/screenshots: both languages, desktop and phone, light and dark.
import { mkdirSync } from "node:fs";
import path from "node:path";
import { furnish } from "./4-pages.test.mjs";
import { start } from "./world.mjs";

const folder = path.join(import.meta.dirname, "screenshots");
mkdirSync(folder, { recursive: true });
const chosen = process.argv.slice(2);
const FORMS = [
  ["desktop-en", { locale: "en-GB", viewport: { width: 1280, height: 800 } }],
  ["desktop-ja", { locale: "ja-JP", viewport: { width: 1280, height: 800 }, colorScheme: "dark" }],
  ["phone-en", { locale: "en-GB", viewport: { width: 390, height: 844 } }],
  ["phone-ja", { locale: "ja-JP", viewport: { width: 390, height: 844 }, colorScheme: "dark" }],
];
const world = await start();
try {
  const pages = await furnish(world);
  for (const [form, options] of FORMS) {
    for (const who of ["ada", "admin", null]) {
      const page = await world.visitor({ ...options, timezoneId: "Asia/Tokyo" });
      if (who) {
        await page.goto("/login");
        await world.signIn(page, `${who}@example.com`);
      }
      for (const [name, user, target] of pages) {
        if (user !== who || (chosen.length > 0 && !chosen.includes(name))) continue;
        await page.goto(target, { waitUntil: "networkidle" });
        await page.screenshot({
          path: path.join(folder, `${name}.${form}.png`),
          fullPage: !(await page.getByRole("dialog").count()),
        });
      }
      await page.context().close();
    }
  }
} finally {
  await world.stop();
}
console.log(`Pictures are in ${path.relative(process.cwd(), folder)}.`);
