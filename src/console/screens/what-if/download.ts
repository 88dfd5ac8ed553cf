/** Files that the page itself makes. */

export function saveText(text: string, name: string, type: string): void {
  save(new Blob([text], { type }), name);
}

function save(blob: Blob, name: string): void {
  const url = URL.createObjectURL(blob);
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  URL.revokeObjectURL(url);
}
