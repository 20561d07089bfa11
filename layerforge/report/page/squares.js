/* Squarified treemap (Bruls, Huizing, van Wijk 2000): rectangles whose areas are the sizes, as square as can be. */

function squarify(nodes, width, height) {
  const total = nodes.reduce((sum, node) => sum + node.size, 0);
  if (total <= 0 || width <= 0 || height <= 0) return [];
  const scale = (width * height) / total;
  const placed = [];
  let room = { x: 0, y: 0, width, height };
  let row = [];
  let rowArea = 0;
  const worst = (area, smallest, largest, side) => {
    const thickness = area / side;
    return Math.max(largest / thickness / thickness, (thickness * thickness) / smallest);
  };
  const place = () => {
    const tall = room.width >= room.height;
    const side = tall ? room.height : room.width;
    const thickness = rowArea / side;
    let at = 0;
    for (const { node, area } of row) {
      const length = area / thickness;
      placed.push(
        tall
          ? { node, x: room.x, y: room.y + at, width: thickness, height: length }
          : { node, x: room.x + at, y: room.y, width: length, height: thickness },
      );
      at += length;
    }
    room = tall
      ? { x: room.x + thickness, y: room.y, width: room.width - thickness, height: room.height }
      : { x: room.x, y: room.y + thickness, width: room.width, height: room.height - thickness };
    row = [];
    rowArea = 0;
  };
  for (const node of nodes) {
    const area = node.size * scale;
    if (area <= 0) continue;
    const side = Math.min(room.width, room.height);
    if (row.length) {
      const largest = row[0].area;
      const last = row[row.length - 1].area;
      if (worst(rowArea + area, area, largest, side) > worst(rowArea, last, largest, side)) place();
    }
    row.push({ node, area });
    rowArea += area;
  }
  if (row.length) place();
  return placed;
}
