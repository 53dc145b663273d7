/** Lengths that are computed from data. They are set through the style object, which the content security policy allows. */
import type { ReactNode } from 'react';

/** A part of a row whose width follows its share. */
export function Share({ of: share, className, children, title }: { of: number; className: string; children?: ReactNode; title?: string }) {
  return (
    <div className={className} title={title} style={{ flexGrow: Math.max(share, 0), flexBasis: 0 }}>
      {children}
    </div>
  );
}
