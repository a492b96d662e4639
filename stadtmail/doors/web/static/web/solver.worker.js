// SHA-256 of "salt + number" until it is the challenge. An own synchronous SHA-256, because WebCrypto is missing on plain HTTP
// and slower for messages this short.
"use strict";
const K = new Uint32Array(64);
const START = new Uint32Array(8);
(() => {
  let found = 0;
  for (let n = 2; found < 64; n++) {
    let prime = true;
    for (let d = 2; d * d <= n; d++) if (n % d === 0) { prime = false; break; }
    if (!prime) continue;
    const bits = (root) => Math.floor((root - Math.floor(root)) * 4294967296);
    if (found < 8) START[found] = bits(Math.sqrt(n));
    K[found++] = bits(Math.cbrt(n));
  }
})();
const turn = (x, n) => (x >>> n) | (x << (32 - n));
function sha256(text) {
  const bytes = new TextEncoder().encode(text);
  const blocks = ((bytes.length + 8) >> 6) + 1;
  const data = new Uint8Array(blocks * 64);
  data.set(bytes);
  data[bytes.length] = 0x80;
  const view = new DataView(data.buffer);
  view.setUint32(data.length - 4, bytes.length * 8);
  const h = Uint32Array.from(START);
  const w = new Uint32Array(64);
  for (let block = 0; block < blocks; block++) {
    for (let i = 0; i < 16; i++) w[i] = view.getUint32(block * 64 + i * 4);
    for (let i = 16; i < 64; i++) {
      const a = w[i - 15], b = w[i - 2];
      w[i] = (w[i - 16] + (turn(a, 7) ^ turn(a, 18) ^ (a >>> 3)) + w[i - 7] + (turn(b, 17) ^ turn(b, 19) ^ (b >>> 10))) | 0;
    }
    const v = Array.from(h);
    for (let i = 0; i < 64; i++) {
      const one = (v[7] + (turn(v[4], 6) ^ turn(v[4], 11) ^ turn(v[4], 25)) + ((v[4] & v[5]) ^ (~v[4] & v[6])) + K[i] + w[i]) | 0;
      const two = ((turn(v[0], 2) ^ turn(v[0], 13) ^ turn(v[0], 22)) + ((v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]))) | 0;
      v.pop();
      v.unshift((one + two) | 0);
      v[4] = (v[4] + one) | 0;
    }
    for (let i = 0; i < 8; i++) h[i] = (h[i] + v[i]) | 0;
  }
  return Array.from(h, (x) => (x >>> 0).toString(16).padStart(8, "0")).join("");
}
onmessage = (event) => {
  const task = event.data;
  for (let number = 0; number <= task.maxNumber; number++) {
    if (sha256(task.salt + number) === task.challenge) {
      postMessage({ algorithm: task.algorithm, challenge: task.challenge, number, salt: task.salt, signature: task.signature });
      return;
    }
  }
};
