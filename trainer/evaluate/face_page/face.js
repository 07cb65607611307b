// The face's arithmetic: weights in, points out. No page, no drawing.
//
//   s = p + k (arc (T p - p) + (1 - arc) linear),   p = rest + gain sum a_i e_i,   T = exp(gain_jaw sum a_i xi_i)
//
// as in aim_maya/runtime/cached.py. Sums are double precision; what leaves is Float32Array, x y z of every vertex.
"use strict";

const TYPES = {float32: Float32Array, float64: Float64Array, uint32: Uint32Array, uint8: Uint8Array, int16: Int16Array};

/** The head of a block, with every number that stands for an array to be looked up by `array(n)`. */
function readBlock(bytes) {
  const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
  const head = JSON.parse(new TextDecoder().decode(bytes.subarray(4, 4 + length)));
  const start = bytes.byteOffset + 4 + length;
  const array = (n) => {
    if (n === null || n === undefined) return null;
    const [type, shape, place] = head.arrays[n];
    return new TYPES[type](bytes.buffer, start + place, shape.reduce((a, b) => a * b, 1));
  };
  return {head, array};
}

class Face {
  constructor(bytes) {
    const {head, array} = readBlock(bytes);
    this.head = head;
    this.array = array;
    this.count = head.vertices;
    this.targets = head.targets.length;
    this.rest = array(head.rest);
    this.weight = array(head.weight);
    this.triangles = array(head.triangles);
    this.twists = array(head.twists);
    this.doubles = head.doubles && head.doubles.map(array);
    this.moves = head.moves.map((m) => this.sparse(m));
    this.linear = head.linear && {
      turns: array(head.linear.turns), offsets: array(head.linear.offsets),
      matrix: array(head.linear.matrix), inverse: array(head.linear.inverse),
    };
    this.edits = head.edits.map((e) => ({
      ...e, rest: this.sparse(e.rest), moves: e.moves && e.moves.map((m) => this.sparse(m)), gains: array(e.gains), thickness: array(e.thickness), bone: this.sparse(e.bone),
    }));
    this.anatomy = head.anatomy && {
      bone: array(head.anatomy.bone), thickness: array(head.anatomy.thickness), sure: array(head.anatomy.sure),
    };
    this.errors = array(head.errors.shares);
    this.sum = new Float64Array(3 * this.count);
    this.straight = new Float64Array(3 * this.count);
  }

  /** Vertices that move and their steps, from a mask of bits. */
  sparse(packed) {
    if (!packed) return null;
    const mask = this.array(packed.mask), steps = this.array(packed.steps);
    const ids = new Uint32Array(steps.length / 3);
    for (let v = 0, n = 0; v < this.count; v++) if (mask[v >> 3] & (1 << (v & 7))) ids[n++] = v;
    return {ids, steps, scale: packed.scale};
  }

  /** out += share times a sparse field. */
  addTo(out, field, share) {
    const {ids, steps} = field, n = ids.length, s = share * field.scale;
    for (let i = 0; i < n; i++) {
      const at = 3 * ids[i];
      out[at] += s * steps[i];
      out[at + 1] += s * steps[n + i];
      out[at + 2] += s * steps[2 * n + i];
    }
  }

  /** (T) activations of every target for weights, one a control. */
  activations(weights) {
    const a = new Float64Array(this.targets);
    let target = this.targets - this.head.poses.length;
    this.head.controls.forEach((control, c) => hats(control.knots, weights[c], a));
    for (const pose of this.head.poses) {
      const ratios = pose.of.map(([c, value]) => Math.max(weights[c] / value, 0));
      a[target++] = pose.method === "lowest" ? Math.min(...ratios) : ratios.reduce((x, y) => x * y, 1);
    }
    return a;
  }

  /** What an edit (one of `edits`, or null) at an amount from 0 to 1 means: factors, offsets, a jaw in place of the learned one. */
  edited(edit, amount) {
    const part = (value) => 1 + amount * (value - 1);
    if (!edit || !amount) return {gain: 1, gains: null, jawGain: 1, arc: 1, pose: this.head.pose, amount: 0, edit: null};
    return {
      gain: edit.gain === null ? 1 : part(edit.gain), gains: edit.gains, jawGain: part(edit.jawGain), arc: part(edit.arc),
      pose: edit.pose || this.head.pose, amount, edit,
    };
  }

  /** The jaw's motion as rows [R | t], 12 numbers. pose: 16 numbers in its place. */
  jaw(activations, look) {
    if (look.pose) return Float64Array.from(look.pose.slice(0, 12));
    const twist = new Float64Array(6);
    for (let t = 0; t < this.targets; t++) {
      const a = activations[t];
      if (a) for (let i = 0; i < 6; i++) twist[i] += a * this.twists[6 * t + i];
    }
    return exponential(twist.map((x) => x * look.jawGain));
  }

  /**
   * The skin, into `out` (3V) Float32Array. look: from `edited`; arc: of the jaw slider, 1 on its arc, 0 linear;
   * jaw: 16 numbers in the place of the learned motion.
   */
  points(activations, look, arc, out, jaw = null) {
    const p = this.sum, v3 = 3 * this.count, {amount, edit} = look;
    p.fill(0);
    for (let t = 0; t < this.targets; t++) {
      if (!activations[t]) continue;
      this.addTo(p, this.moves[t], activations[t]);
      if (edit && edit.moves) this.addTo(p, edit.moves[t], amount * activations[t]);
    }
    const linear = !jaw && !look.pose && this.linear && arc * look.arc * this.head.arc !== 1;
    const straight = linear ? this.straightened(activations, look) : null;
    if (look.gains) for (let i = 0; i < v3; i++) p[i] *= 1 + amount * (look.gains[(i / 3) | 0] - 1);
    else if (look.gain !== 1) for (let i = 0; i < v3; i++) p[i] *= look.gain;
    for (let i = 0; i < v3; i++) p[i] += this.rest[i];
    if (edit && edit.rest) this.addTo(p, edit.rest, amount);
    const m = jaw || this.jaw(activations, look);
    this.skin(p, m, straight, arc * look.arc * this.head.arc, activations, look, out);
    if (this.doubles) {
      const [doubles, owners] = this.doubles;
      for (let i = 0; i < doubles.length; i++)
        for (let axis = 0; axis < 3; axis++) out[3 * doubles[i] + axis] = out[3 * owners[i] + axis];
    }
    return out;
  }

  /** p carried by the jaw's matrix m, and where `straight` is given, mixed with the linear sum of the shapes. */
  skin(p, m, straight, arc, activations, look, out) {
    const [cx, cy, cz] = this.head.centre, k = this.weight;
    const xx = m[0] - 1, yy = m[5] - 1, zz = m[10] - 1, xy = m[1], xz = m[2], yx = m[4], yz = m[6], zx = m[8], zy = m[9];
    const ox = xx * cx + xy * cy + xz * cz + m[3], oy = yx * cx + yy * cy + yz * cz + m[7];
    const oz = zx * cx + zy * cy + zz * cz + m[11];
    const line = straight && straight.of;
    for (let v = 0, i = 0; v < this.count; v++, i += 3) {
      const x = p[i] - cx, y = p[i + 1] - cy, z = p[i + 2] - cz, w = k[v];
      let dx = xx * x + xy * y + xz * z + ox, dy = yx * x + yy * y + yz * z + oy, dz = zx * x + zy * y + zz * z + oz;
      if (line) {
        dx = arc * dx + (1 - arc) * line[i];
        dy = arc * dy + (1 - arc) * line[i + 1];
        dz = arc * dz + (1 - arc) * line[i + 2];
      }
      out[i] = p[i] + w * dx;
      out[i + 1] = p[i + 1] + w * dy;
      out[i + 2] = p[i + 2] + w * dz;
    }
  }

  /** The jaw's share of the linear sum of the shapes: alpha = A^-T a; turn p + offset + gain sum turns_i e_i. */
  straightened(activations, look) {
    const {turns, offsets, matrix, inverse} = this.linear, T = this.targets, of = this.straight;
    const alpha = new Float64Array(T), turn = new Float64Array(9), offset = [0, 0, 0];
    if (inverse) for (let i = 0; i < T; i++) for (let j = 0; j < T; j++) alpha[j] += activations[i] * inverse[i * T + j];
    else alpha.set(activations);
    for (let t = 0; t < T; t++) {
      if (!alpha[t]) continue;
      for (let i = 0; i < 9; i++) turn[i] += alpha[t] * turns[9 * t + i];
      for (let i = 0; i < 3; i++) offset[i] += alpha[t] * offsets[3 * t + i];
    }
    of.fill(0);
    for (let i = 0; i < T; i++) {
      if (!activations[i]) continue;
      const own = new Float64Array(9);
      for (let p = 0; p < T; p++) {
        const share = alpha[p] * (matrix ? matrix[p * T + i] : p === i ? 1 : 0);
        if (share) for (let j = 0; j < 9; j++) own[j] += share * turns[9 * p + j];
      }
      if (!own.some((x) => x)) continue;
      this.addTurned(of, this.moves[i], own, 1);
      if (look.edit && look.edit.moves) this.addTurned(of, look.edit.moves[i], own, look.amount);
    }
    const rest = Float64Array.from(this.rest), [cx, cy, cz] = this.head.centre, {amount, edit} = look;
    if (edit && edit.rest) this.addTo(rest, edit.rest, amount);
    for (let v = 0, i = 0; v < this.count; v++, i += 3) {
      const x = rest[i] - cx, y = rest[i + 1] - cy, z = rest[i + 2] - cz;
      const gain = look.gains ? 1 + amount * (look.gains[v] - 1) : look.gain;
      for (let r = 0; r < 3; r++)
        of[i + r] = look.jawGain * (gain * of[i + r] + turn[3 * r] * x + turn[3 * r + 1] * y + turn[3 * r + 2] * z + offset[r]);
    }
    return {of};
  }

  addTurned(out, field, turn, share) {
    const {ids, steps} = field, n = ids.length, scale = share * field.scale;
    for (let i = 0; i < n; i++) {
      const x = scale * steps[i], y = scale * steps[n + i], z = scale * steps[2 * n + i], at = 3 * ids[i];
      for (let r = 0; r < 3; r++) out[at + r] += turn[3 * r] * x + turn[3 * r + 1] * y + turn[3 * r + 2] * z;
    }
  }

  /** The learned bone points under a look, carried by the jaw's matrix m, into `out`. */
  bones(look, m, out) {
    const p = this.sum;
    p.set(this.anatomy.bone);
    if (look.edit && look.edit.bone) this.addTo(p, look.edit.bone, look.amount);
    this.skin(p, m, null, 1, null, look, out);
    return out;
  }

  /** Unit normals of points (3V), area-weighted, one for vertices that are the same point. */
  normals(points, out) {
    const t = this.triangles;
    out.fill(0);
    for (let i = 0; i < t.length; i += 3) {
      const a = 3 * t[i], b = 3 * t[i + 1], c = 3 * t[i + 2];
      const ux = points[b] - points[a], uy = points[b + 1] - points[a + 1], uz = points[b + 2] - points[a + 2];
      const vx = points[c] - points[a], vy = points[c + 1] - points[a + 1], vz = points[c + 2] - points[a + 2];
      const x = uy * vz - uz * vy, y = uz * vx - ux * vz, z = ux * vy - uy * vx;
      for (const at of [a, b, c]) {
        out[at] += x;
        out[at + 1] += y;
        out[at + 2] += z;
      }
    }
    if (this.doubles) {
      const [doubles, owners] = this.doubles;
      for (let i = 0; i < doubles.length; i++) for (let axis = 0; axis < 3; axis++) out[3 * owners[i] + axis] += out[3 * doubles[i] + axis];
      for (let i = 0; i < doubles.length; i++) for (let axis = 0; axis < 3; axis++) out[3 * doubles[i] + axis] = out[3 * owners[i] + axis];
    }
    for (let i = 0; i < out.length; i += 3) {
      const length = Math.hypot(out[i], out[i + 1], out[i + 2]) || 1;
      out[i] /= length;
      out[i + 1] /= length;
      out[i + 2] /= length;
    }
    return out;
  }
}

/** Activation of every knot ([value, target], sorted) at weight w; the neutral sits at 0 and takes the rest. */
function hats(knots, w, activations) {
  if (knots.length === 1) {
    activations[knots[0][1]] = w / knots[0][0];
    return;
  }
  const grid = [[0, -1], ...knots].sort((a, b) => a[0] - b[0]), last = grid.length - 1;
  if (w <= grid[0][0] || w >= grid[last][0]) {
    let outer = w <= grid[0][0] ? grid[0] : grid[last];
    if (outer[1] < 0) outer = w <= 0 ? grid[1] : grid[last - 1]; // nothing was sculpted on this side
    if (outer) activations[outer[1]] = w / outer[0];
    return;
  }
  let i = 0;
  while (grid[i + 1][0] <= w) i++;
  const share = (w - grid[i][0]) / (grid[i + 1][0] - grid[i][0]);
  if (grid[i][1] >= 0) activations[grid[i][1]] = 1 - share;
  if (grid[i + 1][1] >= 0) activations[grid[i + 1][1]] = share;
}

/** Rows [R | t] of exp of a twist (omega, v): Murray, Li, Sastry (1994), A.1 and A.2; series near zero. */
function exponential([x, y, z, vx, vy, vz]) {
  const q = x * x + y * y + z * z, t = Math.sqrt(q), near = q < 1e-4;
  const a = near ? 1 - (q / 6) * (1 - (q / 20) * (1 - q / 42)) : Math.sin(t) / t;
  const b = near ? 0.5 - (q / 24) * (1 - (q / 30) * (1 - q / 56)) : (1 - Math.cos(t)) / q;
  const c = near ? 1 / 6 - (q / 120) * (1 - (q / 42) * (1 - q / 72)) : (t - Math.sin(t)) / (q * t);
  const w = [0, -z, y, z, 0, -x, -y, x, 0];
  const ww = [x * x - q, x * y, x * z, x * y, y * y - q, y * z, x * z, y * z, z * z - q];
  const row = (r, i, f, g) => (r === i ? 1 : 0) + f * w[3 * r + i] + g * ww[3 * r + i];
  const m = new Float64Array(12);
  for (let r = 0; r < 3; r++) {
    for (let i = 0; i < 3; i++) m[4 * r + i] = row(r, i, a, b);
    m[4 * r + 3] = row(r, 0, b, c) * vx + row(r, 1, b, c) * vy + row(r, 2, b, c) * vz;
  }
  return m;
}
