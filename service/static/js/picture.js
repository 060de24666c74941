// Pictures made from the user's file in this browser: the small one of the history, the one to download.

const THUMBNAIL = 240; // pixels of the longer side, at most
const PRINT = { least: 640, most: 4096 }; // likewise; with fewer the words do not fit, with more telephones fail
const SANS = 'system-ui, "Segoe UI", Roboto, "DejaVu Sans", sans-serif';

/** A small copy of an image file as a Blob; null for files this browser cannot show. */
export async function makeThumbnail(file) {
  const bitmap = await open(file);
  if (!bitmap) return null;
  const canvas = draw(bitmap, Math.min(1, THUMBNAIL / longerSide(bitmap)));
  return toBlob(canvas, "image/webp", 0.8);
}

/** The picture with `headline` and `source` on a strip under it, as a JPEG; null if the browser cannot show it. */
export async function printVerdict(file, { headline, source, colour }) {
  const bitmap = await open(file);
  if (!bitmap) return null;
  const longer = longerSide(bitmap);
  const picture = draw(bitmap, Math.min(PRINT.most / longer, Math.max(1, PRINT.least / longer)));
  const { width, height } = picture;
  const strip = Math.round(width / 8);
  const canvas = Object.assign(document.createElement("canvas"), { width, height: height + strip });
  const pen = canvas.getContext("2d");
  pen.drawImage(picture, 0, 0);
  fill(pen, "#14181d", [0, height, width, strip]);
  fill(pen, colour, [0, height, strip / 10, strip]);
  const line = { left: strip / 3, width: width - strip / 2 };
  write(pen, headline, { ...line, base: height + strip * 0.47, size: strip * 0.34, weight: 600, colour: "#ffffff" });
  write(pen, source, { ...line, base: height + strip * 0.8, size: strip * 0.19, weight: 400, colour: "#c3cad2" });
  return toBlob(canvas, "image/jpeg", 0.92);
}

async function open(file) {
  try {
    return await createImageBitmap(file);
  } catch {
    return null;
  }
}

const longerSide = ({ width, height }) => Math.max(width, height);

function draw(bitmap, scale) {
  const [width, height] = [bitmap.width, bitmap.height].map((side) => Math.max(1, Math.round(side * scale)));
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  const pen = canvas.getContext("2d");
  fill(pen, "#ffffff", [0, 0, width, height]); // transparency is judged on white, so it is shown on white
  pen.drawImage(bitmap, 0, 0, width, height);
  return canvas;
}

function fill(pen, colour, area) {
  pen.fillStyle = colour;
  pen.fillRect(...area);
}

function write(pen, text, { left, base, size, width, weight, colour }) {
  pen.fillStyle = colour;
  pen.font = `${weight} ${Math.round(size)}px ${SANS}`;
  pen.fillText(text, left, base, width); // squeezed where it would not fit
}

function toBlob(canvas, type, quality) {
  return new Promise((resolve) => canvas.toBlob(resolve, type, quality));
}
