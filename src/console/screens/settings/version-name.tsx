/** The name of a version: the time at which it was made, where its number is one. */
import { Ago } from '../../format/times.tsx';

/** Versions that count from 1, as of an imported tenant, are below any time of today. */
const FIRST_TIME = Date.UTC(2020, 0);

export function VersionName({ version }: { readonly version: number }) {
  if (version < FIRST_TIME) return <>version {version}</>;
  return (
    <span title={`version ${version}`}>
      version of <Ago at={version} />
    </span>
  );
}
