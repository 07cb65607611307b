// What the page takes of three.js and fflate; build.sh makes three.min.js of it.
export {
  BufferAttribute, BufferGeometry, DirectionalLight, DoubleSide, FrontSide, HemisphereLight, Matrix4, Mesh, MeshStandardMaterial,
  PerspectiveCamera, Raycaster, Scene, Vector2, Vector3, WebGLRenderer,
} from "three";
export {OrbitControls} from "three/addons/controls/OrbitControls.js";
export {unzlibSync} from "fflate";
