// In front of Pyodide's program: an archive is unpacked by the browser, not by Python, which takes ten times as long.
// What an archive is: see `packed` in tools/site_lite.py. Returns the paths of its shared libraries.
async function unpacked(content, FS) {
  const stream = new Blob([content]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  const all = new Uint8Array(await new Response(stream).arrayBuffer());
  let place = 4 + new DataView(all.buffer).getUint32(0);
  const libraries = [];
  const made = new Set();
  for (const [name, length] of JSON.parse(new TextDecoder().decode(all.subarray(4, place)))) {
    const path = `/lib/python3.12/site-packages/${name}`;
    const folder = path.slice(0, path.lastIndexOf("/"));
    if (!made.has(folder)) FS.mkdirTree(folder);
    made.add(folder);
    FS.writeFile(path, all.subarray(place, place + length), { canOwn: true });
    place += length;
    if (name.endsWith(".so")) libraries.push(path);
  }
  return libraries;
}
