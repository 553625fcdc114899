import { setLanguage, setTheme } from "@/app/actions/session";
import { i18n } from "@/lib/i18n";
import { THEMES, theme } from "@/lib/theme";

const LANGUAGES = [
  ["en", "English"],
  ["ja", "日本語"],
] as const;

/** The console's language and theme, stored in one cookie each. */
export async function Preferences() {
  const { t, language } = await i18n();
  const chosen = await theme();
  return (
    <div className="flex flex-wrap gap-x-8 gap-y-4">
      <Choice
        action={setLanguage}
        name="language"
        label={t("settings.language")}
        chosen={language}
        options={LANGUAGES.map(([value, text]) => ({ value, text, lang: value }))}
      />
      <Choice
        action={setTheme}
        name="theme"
        label={t("settings.theme")}
        chosen={chosen}
        options={THEMES.map((value) => ({ value, text: t(`theme.${value}`) }))}
      />
    </div>
  );
}

function Choice({
  action,
  name,
  label,
  chosen,
  options,
}: {
  action: (form: FormData) => Promise<void>;
  name: string;
  label: string;
  chosen: string;
  options: { value: string; text: string; lang?: string }[];
}) {
  return (
    <form action={action}>
      <fieldset>
        <legend className="mb-1 text-sm font-medium">{label}</legend>
        <div className="inline-flex overflow-hidden rounded-md border border-line-strong">
          {options.map(({ value, text, lang }) => (
            <button
              key={value}
              type="submit"
              name={name}
              value={value}
              lang={lang}
              aria-pressed={value === chosen}
              className="min-h-9 cursor-pointer bg-surface px-3 py-1.5 text-sm -outline-offset-2 not-first:border-l not-first:border-line-strong hover:bg-sunken aria-pressed:bg-accent aria-pressed:text-on-accent"
            >
              {text}
            </button>
          ))}
        </div>
      </fieldset>
    </form>
  );
}
