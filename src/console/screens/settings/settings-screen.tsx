/** The screen Settings: its sections are tabs, each with an address of its own. */
import type { ComponentType } from 'preact';
import { useRoute } from 'preact-iso';
import { Empty } from '../../parts/states.tsx';
import { settingsPlace } from '../../places/places.ts';
import { AuditSection } from './audit-section.tsx';
import { ConfigSection } from './config-section.tsx';
import { KeysSection } from './keys-section.tsx';
import { PlaygroundSection } from './playground-section.tsx';
import './settings.css';
import { VersionsSection } from './versions-section.tsx';

interface Section {
  readonly name: string;
  readonly Part: ComponentType<{ readonly tenant: string }>;
}

const SECTIONS: Readonly<Record<string, Section>> = {
  configuration: { name: 'Configuration', Part: ConfigSection },
  versions: { name: 'Versions', Part: VersionsSection },
  keys: { name: 'Keys', Part: KeysSection },
  audit: { name: 'Audit log', Part: AuditSection },
  playground: { name: 'Playground', Part: PlaygroundSection },
};

export function SettingsScreen() {
  const { tenant = '', section = 'configuration' } = useRoute().params;
  const chosen = Object.hasOwn(SECTIONS, section) ? SECTIONS[section] : undefined;
  return (
    <>
      <div class="screen-head">
        <h1>Settings</h1>
      </div>
      <nav class="tabs" aria-label="Settings">
        {Object.entries(SECTIONS).map(([id, { name }]) => (
          <a
            key={id}
            href={settingsPlace(tenant, id)}
            aria-current={id === section ? 'page' : undefined}
          >
            {name}
          </a>
        ))}
      </nav>
      {chosen ? (
        <chosen.Part key={tenant} tenant={tenant} />
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
