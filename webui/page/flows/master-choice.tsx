/** Which master, in which version. */
import { Button, FormSelect, FormSelectOption, Radio } from '@patternfly/react-core';
import { useQuery } from '@tanstack/react-query';
import { useNavigate } from 'react-router';
import { mastersQuery } from '../api/queries';
import type { MasterVersion } from '../api/types';
import { useLanguage } from '../language/language';
import { Loading, Problem } from '../layout/state';

/** One line per master; the newest version unless a person says otherwise. */
export function MasterChoice({ version, onChoose }: { version: MasterVersion | null; onChoose: (version: MasterVersion) => void }) {
  const { t, format } = useLanguage();
  const navigate = useNavigate();
  const list = useQuery(mastersQuery);
  if (list.isPending) return <Loading />;
  if (list.isError) return <Problem error={list.error} retry={() => void list.refetch()} />;
  const masters = list.data.items.filter((master) => master.versions.length > 0);
  if (masters.length === 0) {
    return (
      <>
        <p>{t('masters.none-about')}</p>
        <Button variant="primary" onClick={() => void navigate('/capture')}>
          {t('masters.capture')}
        </Button>
      </>
    );
  }
  return (
    <div role="radiogroup" aria-label={t('restore.master')} className="amorce-masters">
      {masters.map((master) => {
        const chosen = version !== null && version.name === master.name;
        const shown = chosen ? version : master.versions[0];
        if (shown === undefined) return null;
        const created = shown.created_at === undefined || shown.created_at === null ? '' : format.moment(Date.parse(shown.created_at));
        return (
          <div key={master.name} className="amorce-master-line">
            <Radio
              id={`master-${master.name}`}
              name="master"
              isChecked={chosen}
              onChange={() => onChoose(shown)}
              label={<span className="amorce-strong">{master.name}</span>}
              description={[
                created,
                t('master.needs', { used: format.bytes(shown.bytes_used), disk: format.bytes(shown.bytes_disk) }),
              ]
                .filter((word) => word !== '')
                .join(' · ')}
            />
            <FormSelect
              className="amorce-version"
              aria-label={t('masters.version-of', { name: master.name })}
              value={String(shown.version)}
              onChange={(_, value) => {
                const picked = master.versions.find((each) => String(each.version) === value);
                if (picked !== undefined) onChoose(picked);
              }}
            >
              {master.versions.map((each, index) => (
                <FormSelectOption
                  key={each.version}
                  value={String(each.version)}
                  label={t(index === 0 ? 'master.version-newest' : 'master.version', { version: each.version })}
                />
              ))}
            </FormSelect>
          </div>
        );
      })}
    </div>
  );
}
