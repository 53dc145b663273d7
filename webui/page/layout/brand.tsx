/** The name with its mark. */
export function Brand() {
  return (
    <span className="amorce-brand">
      <img src="/icon.svg" alt="" width="28" height="28" />
      <span translate="no" className="amorce-brand-name">{NAME}</span>
    </span>
  );
}

const NAME = 'Amorce';
