/** A disk as a picture of its partitions. */
import { Label, LabelGroup } from '@patternfly/react-core';
import type { DiskFacts } from '../api/types';
import { useLanguage } from '../language/language';
import { ExclamationTriangleIcon } from '../layout/icons';
import { Share } from '../layout/measure';
import { type DiskPart, type DiskPicture, readDiskContents } from './disk-contents';

/** Name, what identifies it, its state, and the picture. */
export function Disk({ disk }: { disk: DiskFacts }) {
  const { t, format } = useLanguage();
  const picture = readDiskContents(disk.contents, disk.identity.size);
  const { model, serial, wwn, bus_path } = disk.identity;
  return (
    <section className="amorce-disk" aria-label={t('disk.name', { name: disk.name })}>
      <div className="amorce-disk-head">
        <span className="amorce-strong">{model !== undefined && model !== null && model !== '' ? model : disk.name}</span>
        <span>{format.bytes(disk.identity.size)}</span>
        <DiskLabels disk={disk} scheme={picture?.scheme ?? ''} />
      </div>
      {picture === null ? (
        <p className="amorce-quiet">{t('disk.contents-unknown')}</p>
      ) : (
        <PictureOfParts picture={picture} />
      )}
      <p className="amorce-quiet amorce-code">
        {[disk.name, serial, wwn, bus_path].filter((word) => word !== undefined && word !== null && word !== '').join(' · ')}
      </p>
    </section>
  );
}

function DiskLabels({ disk, scheme }: { disk: DiskFacts; scheme: string }) {
  const { t } = useLanguage();
  return (
    <LabelGroup numLabels={8} aria-label={t('disk.marks')}>
      {[
        scheme !== '' && scheme !== 'none' && (
          <Label key="scheme" isCompact variant="outline">
            {scheme.toUpperCase()}
          </Label>
        ),
        disk.bootable && (
          <Label key="bootable" isCompact color="green">
            {t('disk.bootable')}
          </Label>
        ),
        disk.usb && (
          <Label key="usb" isCompact>
            {t('disk.usb')}
          </Label>
        ),
        disk.removable && (
          <Label key="removable" isCompact>
            {t('disk.removable')}
          </Label>
        ),
        disk.boot_area && (
          <Label key="area" isCompact>
            {t('disk.boot-area')}
          </Label>
        ),
        disk.read_only && (
          <Label key="read-only" isCompact color="orange" icon={<ExclamationTriangleIcon />}>
            {t('disk.read-only')}
          </Label>
        ),
        disk.in_use && (
          <Label key="in-use" isCompact color="orange" icon={<ExclamationTriangleIcon />}>
            {t('disk.in-use')}
          </Label>
        ),
        disk.sector_size !== 512 && (
          <Label key="sectors" isCompact variant="outline">
            {t('disk.sectors', { size: disk.sector_size })}
          </Label>
        ),
      ].filter((label) => label !== false)}
    </LabelGroup>
  );
}

/** The bar, and under it the same in words: a colour never stands alone. */
export function PictureOfParts({ picture }: { picture: DiskPicture }) {
  const { t, format } = useLanguage();
  const whole = picture.parts.reduce((sum, part) => sum + part.size, 0);
  const describe = (part: DiskPart) => {
    if (part.number === 0 && part.filesystem === '') return t('disk.free');
    const filesystem = part.filesystem === '' || part.filesystem === 'unknown' ? t('disk.unknown') : part.filesystem;
    return part.label === '' || part.label === filesystem ? filesystem : `${part.label} · ${filesystem}`;
  };
  if (picture.parts.every((part) => part.number === 0)) return <p className="amorce-quiet">{t('disk.empty')}</p>;
  return (
    <>
      <div className="amorce-parts" aria-hidden="true">
        {picture.parts.map((part) => (
          // The smallest partition stays visible: a hundredth of the disk is drawn at least.
          <Share
            key={part.offset}
            of={Math.max(part.size / whole, 0.012)}
            className={`amorce-part amorce-part-${colourOf(part)}`}
            title={`${describe(part)}, ${format.bytes(part.size)}`}
          >
            {part.used !== null && part.used > 0 && (
              <div className="amorce-part-fill">
                <Share of={part.used} className="amorce-part-used" />
                <Share of={Math.max(part.size - part.used, 0)} className="amorce-part-free" />
              </div>
            )}
          </Share>
        ))}
      </div>
      <ul className="amorce-part-list">
        {picture.parts.map((part) => (
          <li key={part.offset}>
            <span className={`amorce-swatch amorce-part-${colourOf(part)}`} aria-hidden="true" />
            <span className="amorce-part-name">
              {part.number > 0 && `${part.number}. `}
              {describe(part)}
            </span>
            <span className="amorce-quiet">
              {part.used === null || part.used === 0
                ? format.bytes(part.size)
                : t('disk.used-of', { used: format.bytes(part.used), size: format.bytes(part.size) })}
            </span>
          </li>
        ))}
      </ul>
    </>
  );
}

function colourOf(part: DiskPart): string {
  if (part.number === 0 && part.filesystem === '') return 'gap';
  if (/^(v?fat|fat\d*|esp)/i.test(part.filesystem)) return 'fat';
  if (/^ntfs|bitlocker/i.test(part.filesystem)) return 'ntfs';
  if (/^(ext\d|xfs|btrfs|f2fs)/i.test(part.filesystem)) return 'linux';
  if (/swap/i.test(part.filesystem)) return 'swap';
  return 'other';
}
