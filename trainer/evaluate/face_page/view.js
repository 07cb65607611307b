// What is drawn: skin, skull, jaw and what lies beside them; the camera; two looks side by side on one canvas.
"use strict";

const VIEWS = {front: [0, 0.04, 1], quarter: [0.62, 0.1, 0.8], side: [1, 0.04, 0.06]};
const SKIN = [214, 176, 156], SKULL = [225, 217, 195], JAW = [200, 150, 90];

const linear = (c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);

/**
 * A surface whose points, normals and colours change. sure (V): where it is below a half the surface is cut away;
 * without, the backs of faces are dark, as a mouth is seen.
 */
class Surface {
  constructor(count, triangles, sure = null) {
    const {BufferAttribute, BufferGeometry, DoubleSide, Mesh, MeshStandardMaterial} = AIM3D;
    this.geometry = new BufferGeometry();
    const field = (name, size = 3) => {
      const attribute = new BufferAttribute(new Float32Array(size * count).fill(1), size);
      this.geometry.setAttribute(name, attribute);
      return attribute;
    };
    this.points = field("position");
    this.normals = field("normal");
    this.colours = field("color", sure ? 4 : 3);
    this.geometry.setIndex(new BufferAttribute(triangles, 1));
    this.material = new MeshStandardMaterial({vertexColors: true, roughness: 0.62, metalness: 0, side: DoubleSide});
    if (sure) {
      this.material.alphaTest = 0.5;
      for (let v = 0; v < count; v++) this.colours.array[4 * v + 3] = sure[v] / 255;
    } else
      this.material.onBeforeCompile = (shader) => {
        shader.fragmentShader = shader.fragmentShader.replace(
          "#include <color_fragment>",
          `#include <color_fragment>
          float away = -dot(normalize(vNormal), normalize(vViewPosition)); // not at outlines, where backs peep out
          if (!gl_FrontFacing) diffuseColor.rgb *= mix(1.0, 0.06, smoothstep(0.05, 0.4, away));`,
        );
      };
    this.mesh = new Mesh(this.geometry, this.material);
    this.mesh.frustumCulled = false;
  }

  /** One colour for all: three numbers to 255. */
  paint(colour) {
    this.heat({length: this.colours.count}, 1, [colour, colour]);
  }

  /** Values from 0 to `limit` between stops of colour. */
  heat(values, limit, stops) {
    const steps = stops.map((stop) => stop.map((x) => linear(x / 255))), last = steps.length - 1;
    const out = this.colours.array, size = this.colours.itemSize;
    for (let v = 0; v < values.length; v++) {
      const at = Math.min(Math.max((values[v] || 0) / limit, 0), 1) * last, i = Math.min(Math.floor(at), last - 1), f = at - i;
      for (let c = 0; c < 3; c++) out[size * v + c] = steps[i][c] * (1 - f) + steps[i + 1][c] * f;
    }
    this.colours.needsUpdate = true;
  }

  shade(face) {
    face.normals(this.points.array, this.normals.array);
    this.points.needsUpdate = this.normals.needsUpdate = true;
  }
}

/** One look at the face: its skin, its learned bones, and what lies beside. */
class Look {
  constructor(face) {
    const {BufferAttribute, BufferGeometry, DoubleSide, Mesh, MeshStandardMaterial, Scene} = AIM3D;
    this.face = face;
    this.scene = new Scene();
    this.scene.matrixAutoUpdate = false;
    this.skin = new Surface(face.count, face.triangles);
    this.skin.mesh.renderOrder = 2;
    this.scene.add(this.skin.mesh);
    if (face.anatomy) {
      this.bones = new Surface(face.count, face.triangles, face.anatomy.sure);
      this.bones.mesh.visible = false;
      const k = face.weight, values = Float32Array.from(k);
      this.bones.heat(values, 1, [SKULL, JAW]);
      this.scene.add(this.bones.mesh);
    }
    this.parts = face.head.parts.map((part) => {
      const geometry = new BufferGeometry();
      geometry.setAttribute("position", new BufferAttribute(face.array(part.points), 3));
      geometry.setIndex(new BufferAttribute(face.array(part.triangles), 1));
      geometry.computeVertexNormals();
      const tooth = /teeth|tooth/i.test(part.name);
      const [r, g, b] = (tooth ? [238, 234, 222] : part.jaw ? JAW : SKULL).map((x) => linear(x / 255));
      const material = new MeshStandardMaterial({roughness: tooth ? 0.35 : 0.7, side: DoubleSide});
      material.color.setRGB(r, g, b);
      const mesh = new Mesh(geometry, material);
      mesh.matrixAutoUpdate = false;
      mesh.frustumCulled = false;
      mesh.userData = {jaw: part.jaw, tooth};
      this.scene.add(mesh);
      return mesh;
    });
  }

  /** Show activations under an edit. jaw: 16 numbers in the place of the learned motion. */
  pose(activations, look, arc, jaw, bones) {
    const face = this.face;
    face.points(activations, look, arc, this.skin.points.array, jaw);
    this.skin.shade(face);
    const m = jaw || face.jaw(activations, look);
    if (this.bones && bones === "learned") {
      face.bones(look, m, this.bones.points.array);
      this.bones.shade(face);
    }
    for (const mesh of this.parts)
      if (mesh.userData.jaw) {
        mesh.matrix.set(...Array.from(m).slice(0, 12), 0, 0, 0, 1);
        mesh.matrixWorldNeedsUpdate = true;
      }
  }

  /** bones: 'learned' or 'given' under a skin of glass; 'off', the skin alone with its teeth. */
  dress(bones) {
    if (this.bones) this.bones.mesh.visible = bones === "learned";
    for (const mesh of this.parts) mesh.visible = bones === "given" || mesh.userData.tooth;
    const {material} = this.skin, glass = bones !== "off";
    const {DoubleSide, FrontSide} = AIM3D;
    if (material.transparent !== glass) {
      material.transparent = glass;
      material.opacity = glass ? 0.32 : 1;
      material.depthWrite = !glass;
      material.side = glass ? FrontSide : DoubleSide;
      material.needsUpdate = true;
    }
  }
}

class View {
  constructor(canvas, face, embedded) {
    const {DirectionalLight, HemisphereLight, Matrix4, OrbitControls, PerspectiveCamera, Raycaster, Scene, Vector2, Vector3, WebGLRenderer} = AIM3D;
    this.canvas = canvas;
    this.face = face;
    this.renderer = new WebGLRenderer({canvas, antialias: true, alpha: true});
    this.renderer.autoClear = false;
    this.renderer.setClearAlpha(0);
    this.camera = new PerspectiveCamera(24, 1, 1, 1000);
    this.world = new Scene();
    this.looks = [new Look(face), null];
    this.world.add(this.looks[0].scene, this.camera);
    this.divider = 0.5;
    this.ray = new Raycaster();
    this.pointer = new Vector2();
    const light = (strength, x, y, z) => {
      const lamp = new DirectionalLight(0xffffff, strength);
      lamp.position.set(x, y, z);
      this.camera.add(lamp, lamp.target);
      lamp.target.position.set(0, 0, -1);
      return lamp;
    };
    const sky = new HemisphereLight(0xffffff, 0x9a8f88, 1.25);
    this.world.add(sky);
    this.lamps = [light(1.9, -1.4, 1.6, 0.6), light(0.55, 1.8, 0.2, 0.2), light(0.5, 0.6, 1.2, -3.2), sky];
    const f = face.head.frame, a = f.axes.flat(), s = face.head.mm, o = f.origin;
    const turn = (r) => -(a[3 * r] * o[0] + a[3 * r + 1] * o[1] + a[3 * r + 2] * o[2]) * s;
    this.toHead = new Matrix4().set(
      a[0] * s, a[1] * s, a[2] * s, turn(0), a[3] * s, a[4] * s, a[5] * s, turn(1), a[6] * s, a[7] * s, a[8] * s, turn(2), 0, 0, 0, 1,
    );
    this.carry(null);
    this.focus = new Vector3(...f.focus);
    this.controls = new OrbitControls(this.camera, canvas);
    this.controls.enableDamping = true;
    this.controls.dampingFactor = 0.12;
    this.controls.zoomToCursor = true;
    this.controls.enableZoom = !embedded;
    if (embedded) {
      canvas.addEventListener("focus", () => (this.controls.enableZoom = true));
      canvas.addEventListener("blur", () => (this.controls.enableZoom = false));
    }
    this.controls.addEventListener("change", () => this.invalidate());
    new ResizeObserver(() => this.resize()).observe(canvas.parentElement);
    this.controls.addEventListener("start", () => (this.moved = true));
    this.before = () => {}; // called before every picture
    this.moved = false;
    this.shown = "quarter";
    this.resize();
  }

  /** For skin; or even, for colours that are read off a legend. */
  light(even) {
    (even ? [0.7, 0.25, 0, 2.3] : [1.9, 0.55, 0.5, 1.25]).forEach((strength, i) => (this.lamps[i].intensity = strength));
    for (const look of this.looks) if (look) look.skin.material.roughness = even ? 1 : 0.62;
  }

  /** The whole head's motion, 16 numbers, or null. */
  carry(head) {
    const {Matrix4} = AIM3D;
    for (const look of this.looks)
      if (look) {
        look.scene.matrix.copy(this.toHead);
        if (head) look.scene.matrix.multiply(new Matrix4().set(...head));
        look.scene.matrixWorldNeedsUpdate = true;
      }
    this.head = head;
  }

  /** The second look, made when it is first asked for. */
  second() {
    if (!this.looks[1]) {
      this.looks[1] = new Look(this.face);
      this.world.add(this.looks[1].scene);
      this.carry(this.head);
    }
    return this.looks[1];
  }

  look(name) {
    this.shown = name;
    this.moved = false;
    const [x, y, z] = VIEWS[name], span = this.face.head.frame.span;
    const narrow = Math.min(1, this.camera.aspect * 1.25);
    const distance = (0.5 * span) / Math.tan((this.camera.fov * Math.PI) / 360) / narrow, n = Math.hypot(x, y, z);
    this.controls.target.copy(this.focus);
    this.camera.position.set(x, y, z).multiplyScalar(distance / n).add(this.focus);
    this.camera.near = distance / 50;
    this.camera.far = distance * 10;
    this.camera.updateProjectionMatrix();
    this.controls.minDistance = distance / 8;
    this.controls.maxDistance = distance * 4;
    this.controls.update();
    this.invalidate();
  }

  /** Turn the camera about the head, radians to the right and up. */
  turn(right, up) {
    const {Vector3} = AIM3D;
    this.moved = true;
    const arm = this.camera.position.clone().sub(this.controls.target), length = arm.length();
    const round = Math.atan2(arm.x, arm.z) + right;
    const height = Math.min(Math.max(Math.asin(arm.y / length) + up, -1.4), 1.4);
    arm.copy(new Vector3(Math.sin(round) * Math.cos(height), Math.sin(height), Math.cos(round) * Math.cos(height)));
    this.camera.position.copy(this.controls.target).addScaledVector(arm, length);
    this.controls.update();
    this.invalidate();
  }

  nearer(factor) {
    this.moved = true;
    const arm = this.camera.position.clone().sub(this.controls.target);
    this.camera.position.copy(this.controls.target).addScaledVector(arm, factor);
    this.controls.update();
    this.invalidate();
  }

  resize() {
    const {clientWidth: w, clientHeight: h} = this.canvas.parentElement;
    if (!w || !h) return;
    this.renderer.setPixelRatio(Math.min(window.devicePixelRatio || 1, 2));
    this.renderer.setSize(w, h, false);
    this.camera.aspect = w / h;
    this.camera.updateProjectionMatrix();
    if (!this.moved) this.look(this.shown); // keeps the whole face in sight until somebody turns it
    this.invalidate();
  }

  invalidate() {
    if (this.waiting) return;
    this.waiting = requestAnimationFrame(() => {
      this.waiting = 0;
      this.controls.update();
      this.draw();
    });
  }

  draw() {
    this.before();
    const {renderer, world, camera} = this, [one, two] = this.looks, {clientWidth: w, clientHeight: h} = this.canvas;
    const compared = two && two.scene.visible;
    renderer.setScissorTest(false);
    renderer.clear();
    const part = (shown, hidden, x, width) => {
      shown.scene.visible = true;
      if (hidden) hidden.scene.visible = false;
      renderer.setScissorTest(true);
      renderer.setScissor(x, 0, width, h);
      renderer.render(world, camera);
    };
    if (!compared) part(one, two, 0, w);
    else {
      part(two, one, 0, this.divider * w);
      part(one, two, this.divider * w, w - this.divider * w);
      two.scene.visible = true;
    }
  }

  /** The vertex of the skin nearest to where a pointer is, or null. x, y: in the canvas, CSS pixels. */
  under(x, y) {
    const {clientWidth: w, clientHeight: h} = this.canvas;
    this.pointer.set((2 * x) / w - 1, 1 - (2 * y) / h);
    this.ray.setFromCamera(this.pointer, this.camera);
    const other = this.looks[1] && this.looks[1].scene.visible && x < this.divider * w;
    const skin = (other ? this.looks[1] : this.looks[0]).skin;
    skin.geometry.boundingSphere = null;
    const [hit] = this.ray.intersectObject(skin.mesh);
    if (!hit) return null;
    const at = skin.mesh.worldToLocal(hit.point.clone()), p = skin.points.array;
    const near = (v) => Math.hypot(p[3 * v] - at.x, p[3 * v + 1] - at.y, p[3 * v + 2] - at.z);
    return [hit.face.a, hit.face.b, hit.face.c].reduce((best, v) => (near(v) < near(best) ? v : best));
  }
}
