// What makes the counter handier where scripts run; every page works without it.
"use strict";

const code = document.getElementById("code");
const photo = document.getElementById("photo");

if (code) {
  code.addEventListener("input", () => {
    // Groups of four only while typing at the end: a cursor in the middle is left alone.
    if (code.selectionEnd !== code.value.length || code.value.length > 14) return;
    const bare = code.value.replace(/[\s-]/g, "").toUpperCase();
    if (/^[0-9A-Z]{1,12}$/.test(bare)) code.value = bare.match(/.{1,4}/g).join("-");
  });
}

for (const form of document.querySelectorAll("main form")) {
  form.addEventListener("submit", (event) => {
    // The form's key lets a second tap count once; this only spares the wait for it.
    if (form.dataset.sent) event.preventDefault();
    form.dataset.sent = "1";
  });
}
addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("main form")) delete form.dataset.sent;
});

if (photo) {
  const told = document.getElementById("told");
  const camera = document.getElementById("camera");
  photo.hidden = false;
  camera.addEventListener("change", async () => {
    if (!camera.files.length) return;
    told.textContent = photo.dataset.reading;
    const text = await read(camera.files[0]).catch(() => null);
    camera.value = "";
    if (text === null) {
      told.textContent = photo.dataset.failed;
      return;
    }
    told.textContent = "";
    code.value = text;
    document.getElementById("check").requestSubmit();
  });
}

async function read(file) {
  const { decodeQR } = await import("/static/vendor/qr/decode.js");
  const image = await createImageBitmap(file);
  for (const longest of [1600, 1000, 700]) {
    const scale = Math.min(1, longest / Math.max(image.width, image.height));
    const canvas = document.createElement("canvas");
    canvas.width = Math.round(image.width * scale);
    canvas.height = Math.round(image.height * scale);
    const context = canvas.getContext("2d", { willReadFrequently: true });
    context.drawImage(image, 0, 0, canvas.width, canvas.height);
    try {
      return decodeQR(context.getImageData(0, 0, canvas.width, canvas.height));
    } catch {
      // not found at this size
    }
  }
  return null;
}
