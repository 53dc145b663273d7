/** Switches the page between French and English. */
import { ToggleGroup, ToggleGroupItem } from '@patternfly/react-core';
import { LANGUAGES, useLanguage } from './language';

/** Each language is written in itself: whoever needs it can read it. */
const NAMES = { fr: 'Français', en: 'English' } as const;

/** Two buttons, one pressed. */
export function LanguageChoice() {
  const { t, language, setLanguage } = useLanguage();
  return (
    <ToggleGroup isCompact aria-label={t('language.choose')}>
      {LANGUAGES.map((each) => (
        <ToggleGroupItem
          key={each}
          text={<abbr lang={each} title={NAMES[each]}>{each.toUpperCase()}</abbr>}
          isSelected={language === each}
          onChange={() => setLanguage(each)}
        />
      ))}
    </ToggleGroup>
  );
}
