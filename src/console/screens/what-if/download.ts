/** Files that the page itself makes. */

export function saveText(text: string, name: string, type: string): void {
  save(new Blob([text], { type }), name);
}

/** Saves the chart in an element, on the colour of the page, as PNG. */
export function saveCanvas(element: HTMLElement | null, name: string): void {
  const canvas = element?.querySelector('canvas');
  if (!canvas) return;
  const whole = document.createElement('canvas');
  [whole.width, whole.height] = [canvas.width, canvas.height];
  const context = whole.getContext('2d');
  if (!context) return;
  context.fillStyle = getComputedStyle(canvas.closest('.card') ?? document.body).backgroundColor;
  context.fillRect(0, 0, whole.width, whole.height);
  context.drawImage(canvas, 0, 0);
  whole.toBlob((blob) => blob && save(blob, name), 'image/png');
}

function save(blob: Blob, name: string): void {
  const url = URL.createObjectURL(blob);
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  URL.revokeObjectURL(url);
}
