/** The screen Settings: its sections are tabs, each with an address of its own. */
import type { ComponentType } from 'preact';
import { useLayoutEffect, useRef } from 'preact/hooks';
import { Empty } from '../../parts/states.tsx';
import { SECTION_NAMES, type SectionId, settingsPlace } from '../../places/places.ts';
import { useNames } from '../../places/use-names.ts';
import { AuditSection } from './audit-section.tsx';
import { ConfigSection } from './config-section.tsx';
import { KeysSection } from './keys-section.tsx';
import { PlaygroundSection } from './playground-section.tsx';
import './settings.css';
import { VersionsSection } from './versions-section.tsx';

const PARTS: Readonly<Record<SectionId, ComponentType<{ readonly tenant: string }>>> = {
  configuration: ConfigSection,
  versions: VersionsSection,
  keys: KeysSection,
  audit: AuditSection,
  playground: PlaygroundSection,
};

export function SettingsScreen() {
  const { tenant = '', section = 'configuration' } = useNames();
  const Chosen = Object.hasOwn(PARTS, section) ? PARTS[section as SectionId] : undefined;
  const tabs = useRef<HTMLElement>(null);
  useLayoutEffect(() => {
    // On a phone the last ones are beyond the edge.
    const chosen = tabs.current?.querySelector('[aria-current]');
    if (chosen?.nextElementSibling === null) chosen.scrollIntoView({ block: 'nearest' });
  }, [section]);
  return (
    <>
      <div class="screen-head">
        <h1>Settings</h1>
      </div>
      <nav class="tabs" aria-label="Settings" ref={tabs}>
        {Object.entries(SECTION_NAMES).map(([id, name]) => (
          <a
            key={id}
            href={settingsPlace(tenant, id)}
            aria-current={id === section ? 'page' : undefined}
          >
            {name}
          </a>
        ))}
      </nav>
      {Chosen ? (
        <Chosen key={tenant} tenant={tenant} />
      ) : (
        <Empty
          title="There is no such section"
          actions={<a href={settingsPlace(tenant, 'configuration')}>The configuration</a>}
        >
          The address is of none.
        </Empty>
      )}
    </>
  );
}
