/** The machine's screen as it would be: letters without accents, as loaders draw them. */
import type { MenuSettings } from '../api/types';
import { useLanguage } from '../language/language';
import { type Line, loaderText } from './effective';

/** What is seen for the few seconds in which a person can choose. */
export function MenuScreen({ lines, settings }: { lines: Line[]; settings: Partial<MenuSettings> }) {
  const { t } = useLanguage();
  const isFrench = settings.language !== 'en';
  const chosen = lines.find((line) => line.entry.key === settings.default) ?? lines.find((line) => line.entry.action.kind === 'local-disk');
  const seconds = settings.timeout_seconds ?? 10;
  const isDrawn = lines.length > 0 && settings.hidden !== true && (settings.waits === true || seconds > 0);
  const silent = lines.length === 0 ? t('menus.screen.none') : settings.hidden === true ? t('menus.screen.hidden', { count: seconds }) : t('menus.screen.at-once');
  return (
    <figure className="amorce-screen-figure">
      <figcaption className="amorce-strong">{t('menus.screen')}</figcaption>
      <div className="amorce-screen" lang={isFrench ? 'fr' : 'en'}>
        {isDrawn ? (
          <>
            <div className="amorce-screen-title">{loaderText(settings.title ?? 'Amorce')}</div>
            <ul>
              {lines.map((line) => (
                <li key={line.entry.key} className={line === chosen ? 'amorce-screen-chosen' : undefined}>
                  {loaderText(line.entry.label)}
                  {line.entry.hotkey !== undefined && line.entry.hotkey !== null && ` [${line.entry.hotkey}]`}
                </li>
              ))}
            </ul>
            <div className="amorce-screen-foot">
              {settings.waits === true ? '' : loaderText(t('menus.screen.countdown', { count: seconds }))}
            </div>
          </>
        ) : (
          <p>{silent}</p>
        )}
      </div>
      <p className="amorce-quiet">
        {chosen !== undefined && t('menus.screen.default', { name: chosen.entry.label })} {lines.some((line) => 'unsigned' in line.entry.action && line.entry.action.unsigned === true) && t('menus.screen.unsigned')}
      </p>
    </figure>
  );
}
