"""A face drawn by VTK into memory, with its normals as it moves: one way of drawing for the window, for
pictures and for tests.

The window shows the finished picture, so no native window of the library's has to live inside Qt's (Wayland,
remote desktops and tests have none). Imports of VTK are here alone, and only what is drawn with.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import vtkmodules.vtkRenderingOpenGL2  # noqa: F401 - draws for vtkRenderingCore's classes
from numpy.typing import NDArray
from vtkmodules.util.numpy_support import numpy_to_vtk, numpy_to_vtkIdTypeArray, vtk_to_numpy
from vtkmodules.vtkCommonCore import vtkLogger, vtkPoints, vtkUnsignedCharArray
from vtkmodules.vtkCommonDataModel import vtkCellArray, vtkPolyData
from vtkmodules.vtkIOImage import vtkPNGWriter
from vtkmodules.vtkRenderingCore import (
    vtkActor,
    vtkLightKit,
    vtkPolyDataMapper,
    vtkProperty,
    vtkRenderer,
    vtkRenderWindow,
    vtkWindowToImageFilter,
)

from aim_maya.core.arrays import Floats
from aim_maya.core.face_sites import FaceSites
from aim_maya.core.files import atomic_path
from aim_maya.core.mesh import Mesh
from aim_maya.runtime.face_parts import outwards

# Vertex normals of a mesh that moves every frame, in single precision and into memory that stays.


class SmoothNormals:
    """Area-weighted: of every face around a vertex, the cross product of its diagonals, which is twice its
    area vector; added up.

    A triangle a b c counts as the quad a b c a; a face of more corners as its triangles.
    """

    def __init__(self, mesh: Mesh) -> None:
        fours = np.concatenate(
            [
                _faces_of(mesh, 3)[:, [0, 1, 2, 0]],
                _faces_of(mesh, 4),
                mesh.triangles[mesh.counts[mesh.triangle_face] > 4][:, [0, 1, 2, 0]],
            ]
        )
        real = np.flatnonzero(np.column_stack([np.ones((len(fours), 3), bool), fours[:, 3] != fours[:, 0]]))
        corners = fours.ravel()[real]
        order = np.argsort(corners, kind="stable")
        self._used, self._starts = np.unique(corners[order], return_index=True)
        self._face = real[order] // 4  # faces of the first vertex, of the second, ...
        self._a, self._b, self._c, self._d = np.ascontiguousarray(fours.T)

    def into(self, points: Floats, normals: Floats) -> None:
        """normals (V, 3) float32 := unit normals at points (V, 3) float32; (0, 0, 0) for a vertex without a
        face."""
        normals[:] = 0
        if not len(self._a):
            return
        axes = np.ascontiguousarray(points.T)
        ux, uy, uz = (axis[self._c] - axis[self._a] for axis in axes)
        vx, vy, vz = (axis[self._d] - axis[self._b] for axis in axes)
        area = (uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx)
        x, y, z = (np.add.reduceat(one[self._face], self._starts) for one in area)
        length = np.sqrt(x * x + y * y + z * z)
        length[length == 0] = 1
        for axis, total in enumerate((x, y, z)):
            normals[self._used, axis] = total / length


def _faces_of(mesh: Mesh, corners: int) -> NDArray[np.integer]:
    """(F, corners) vertex ids of the faces with so many corners."""
    starts = mesh.starts[mesh.counts == corners]
    found: NDArray[np.integer] = mesh.corners[starts[:, None] + np.arange(corners)].astype(np.int64)
    return found


# A face drawn by VTK into memory: one way of drawing for the window, for pictures and for tests, with and
# without a screen.

_AWAY_MM = 545.0  # a camera from an adult's face that fills its picture
SKIN = (0.92, 0.75, 0.66)
_INSIDE = (0.14, 0.075, 0.07)  # the back of the skin: what is seen in an open mouth, and behind the lids
_BEHIND, _ABOVE = (0.113, 0.129, 0.145), (0.227, 0.251, 0.275)
CAMERAS = {  # degrees from the front, to the subject's left
    "front": 0.0,
    "three_quarter": 35.0,
    "three_quarter_right": -35.0,
    "profile": 90.0,
    "profile_right": -90.0,
    "whole": 20.0,
}


class ShownMesh:
    """One mesh in the scene: points that move, colours that change."""

    def __init__(self, mesh: Mesh, colour: tuple[float, float, float] = SKIN) -> None:
        if not np.array_equal(outwards(mesh), mesh.triangles):  # else the dark side would be the outer one
            mesh = Mesh(mesh.points, mesh.counts[::-1].copy(), mesh.corners[::-1].copy())
        self.points = np.ascontiguousarray(mesh.points, np.float32)
        self.normals = np.zeros_like(self.points)
        self._smooth = SmoothNormals(mesh)
        self.data, places = vtkPolyData(), vtkPoints()
        # memory shared with the arrays above
        self._points, self._normals = (numpy_to_vtk(self.points), numpy_to_vtk(self.normals))
        places.SetData(self._points)
        self.data.SetPoints(places)
        self.data.SetPolys(_cells(mesh))
        self.data.GetPointData().SetNormals(self._normals)
        mapper = vtkPolyDataMapper()
        mapper.SetInputData(self.data)
        mapper.SetColorModeToDirectScalars()
        mapper.SetStatic(True)  # no pipeline behind it to ask
        self.actor = vtkActor()
        self.actor.SetMapper(mapper)
        look = self.actor.GetProperty()
        look.SetColor(*colour)
        look.SetInterpolationToPhong()
        look.SetSpecular(0.15)
        look.SetSpecularPower(20)
        inside = vtkProperty()
        inside.SetColor(*_INSIDE)
        inside.SetSpecular(0.0)
        inside.SetDiffuse(0.5)
        self.actor.SetBackfaceProperty(inside)
        self._back = vtkActor()  # a surface with colours has them on both sides: its back is drawn apart
        backs = vtkPolyDataMapper()
        backs.SetInputData(self.data)
        backs.ScalarVisibilityOff()
        backs.SetStatic(True)
        self._back.SetMapper(backs)
        self._back.SetProperty(inside)
        inside.FrontfaceCullingOn()
        self._back.SetVisibility(False)
        self.actors = (self.actor, self._back)
        self.move(self.points)

    def move(self, points: Floats) -> None:
        """Show points (V, 3)."""
        self.points[:] = points
        self._smooth.into(self.points, self.normals)
        self.touch()

    def touch(self) -> None:
        """Tell the library that points and normals have changed."""
        self._points.Modified()
        self._normals.Modified()
        self.data.Modified()

    def paint(self, colours: Floats | None) -> None:
        """Colours (V, 3) from 0 to 255, or None for the surface's own."""
        if colours is None:
            self.data.GetPointData().SetScalars(None)
        else:
            self.data.GetPointData().SetScalars(
                numpy_to_vtk(np.ascontiguousarray(colours, np.uint8), deep=True)
            )
        self.data.Modified()
        self._sides()

    def _sides(self) -> None:
        own, painted = self.actor.GetProperty(), self.data.GetPointData().GetScalars() is not None
        opaque = own.GetOpacity() == 1.0
        own.SetBackfaceCulling(painted or not opaque)  # a back that is seen through would only cloud
        self._back.SetVisibility(painted and opaque and bool(self.actor.GetVisibility()))

    def look(self, *, visible: bool, opacity: float = 1.0, wires: bool = False) -> None:
        """Whether and how it is seen."""
        self.actor.SetVisibility(visible)
        self.actor.GetProperty().SetOpacity(opacity)
        self.actor.GetProperty().SetEdgeVisibility(wires)
        self.actor.GetProperty().SetEdgeColor(0.2, 0.2, 0.2)
        self._sides()


class FaceScene:
    """Surfaces, lights and a camera; `picture` draws them off the screen."""

    def __init__(self, up: str = "y", size: tuple[int, int] = (900, 700)) -> None:
        """up: the model's axis, y or z; it looks along z, or away from y."""
        self._up = up
        self.renderer = vtkRenderer()
        self.window: Any = _off_screen_window()
        self.renderer.SetBackground(*_BEHIND)
        self.renderer.SetBackground2(*_ABOVE)
        self.renderer.GradientBackgroundOn()
        self.window.SetMultiSamples(0)
        self.window.AddRenderer(self.renderer)
        self.window.SetSize(*size)
        self._lights, self._pixels = vtkLightKit(), vtkUnsignedCharArray()
        self._lights.AddLightsToRenderer(self.renderer)
        self._lights.SetKeyLightIntensity(0.9)
        self.device = self._drawn_by()
        # takes as long as all the rest where no GPU draws: there only for what is kept
        self.renderer.SetUseFXAA(not self.in_software)

    @property
    def in_software(self) -> bool:
        """The processor draws: there is no GPU, or no driver for it."""
        return any(
            name in self.device.lower()
            for name in ("llvmpipe", "softpipe", "swrast", "software", "basic render")
        )

    def add(self, surface: ShownMesh) -> None:
        """Draw it too."""
        for actor in surface.actors:
            self.renderer.AddActor(actor)

    def resize(self, width: int, height: int) -> None:
        """Size of the picture in pixels."""
        self.window.SetSize(max(width, 16), max(height, 16))

    def draw(self) -> None:
        """Draw and wait until it is drawn."""
        self.renderer.ResetCameraClippingRange()
        self.window.Render()

    def picture(self) -> NDArray[np.uint8]:
        """(height, width, 4) RGBA, the bottom row first; overwritten by the next."""
        self.draw()
        width, height = self.window.GetSize()
        self.window.GetRGBACharPixelData(0, 0, width - 1, height - 1, 1, self._pixels)
        pixels: NDArray[np.uint8] = vtk_to_numpy(self._pixels).reshape(height, width, 4)
        return pixels

    def save(self, path: Path) -> None:
        """The picture as a PNG file. Raises AimError when it cannot be written."""
        self.renderer.UseFXAAOn()
        self.draw()
        self.renderer.SetUseFXAA(not self.in_software)
        grabbed, writer = vtkWindowToImageFilter(), vtkPNGWriter()
        grabbed.SetInput(self.window)
        grabbed.ReadFrontBufferOff()
        writer.SetInputConnection(grabbed.GetOutputPort())
        writer.WriteToMemoryOn()  # what VTK writes itself may be half a file, and it says nothing
        writer.Write()
        with atomic_path(path) as temporary:
            temporary.write_bytes(bytes(vtk_to_numpy(writer.GetResult())))

    def reset_camera(self, turn: float = 20.0) -> None:
        """The whole face from the front, turned by some degrees."""
        camera = self.renderer.GetActiveCamera()
        camera.SetViewAngle(22)
        camera.SetFocalPoint(0, 0, 0)
        camera.SetPosition(*((0, 0, 1) if self._up == "y" else (0, -1, 0)))
        camera.SetViewUp(*((0, 1, 0) if self._up == "y" else (0, 0, 1)))
        camera.Azimuth(turn)
        self.renderer.ResetCamera()
        camera.Zoom(1.25)

    def show_face(self, sites: FaceSites, turn: float) -> None:
        """The face fills the picture, turned by some degrees: placed by its landmarks, whatever neck and
        shoulders there are."""
        middle = 0.5 * (sites.site("glabella") + sites.site("menton")) * [0, 1, 1]
        middle[2] = 0.45 * middle[2] + 0.55 * float(sites.site("tragion")[2])
        angle, away = np.radians(turn), _AWAY_MM * sites.size
        camera = self.renderer.GetActiveCamera()
        camera.SetViewAngle(22)
        camera.SetFocalPoint(*sites.to_object(middle))
        camera.SetPosition(*sites.to_object(middle + away * np.array([np.sin(angle), 0.0, np.cos(angle)])))
        camera.SetViewUp(*sites.axes[1])

    def take_camera(self, name: str, sites: FaceSites | None) -> None:
        """One of CAMERAS; by the landmarks where there are any."""
        if sites is None or name == "whole":
            self.reset_camera(CAMERAS[name])
        else:
            self.show_face(sites, CAMERAS[name])
            self.zoom(0.62)  # the whole head, which turns

    def on_screen(self, points: Floats) -> Floats:
        """(N, 3) of points (N, 3), object space: pixels from the left and from the top, and the depth,
        smaller nearer."""
        width, height = self.window.GetSize()
        self.renderer.ResetCameraClippingRange()
        matrix = self.renderer.GetActiveCamera().GetCompositeProjectionTransformMatrix(
            width / height, -1.0, 1.0
        )
        m = np.array([[matrix.GetElement(i, j) for j in range(4)] for i in range(4)])
        seen = points @ m[:, :3].T + m[:, 3]
        seen = seen[:, :3] / seen[:, 3:]
        return np.column_stack([0.5 * (1 + seen[:, 0]) * width, 0.5 * (1 - seen[:, 1]) * height, seen[:, 2]])

    def orbit(self, right: float, up: float) -> None:
        """Turn the camera about the face, degrees; never over its top."""
        camera = self.renderer.GetActiveCamera()
        camera.Azimuth(-right)
        direction, axis = np.array(camera.GetDirectionOfProjection()), np.array(camera.GetViewUp())
        height = np.degrees(np.arcsin(np.clip(-direction @ (axis / np.linalg.norm(axis)), -1, 1)))
        camera.Elevation(float(np.clip(height - up, -85, 85) - height))

    def zoom(self, factor: float) -> None:
        """Nearer for more than 1."""
        self.renderer.GetActiveCamera().Dolly(factor)

    def pan(self, right: float, up: float) -> None:
        """Move the face by shares of the picture's height."""
        camera = self.renderer.GetActiveCamera()
        place, centre = np.array(camera.GetPosition()), np.array(camera.GetFocalPoint())
        towards = centre - place
        side = np.cross(towards, camera.GetViewUp())
        above = np.cross(side, towards)
        reach = 2 * np.linalg.norm(towards) * np.tan(np.radians(camera.GetViewAngle() / 2))
        shift = -reach * (right * side / np.linalg.norm(side) + up * above / np.linalg.norm(above))
        camera.SetPosition(*(place + shift))
        camera.SetFocalPoint(*(centre + shift))

    def _drawn_by(self) -> str:
        """The device that draws, as the driver names it."""
        self.window.Render()
        found = [
            line.split(":", 1)[1].strip()
            for line in self.window.ReportCapabilities().splitlines()
            if line.startswith("OpenGL renderer string")
        ]
        return found[0].split(" (")[0] if found else "unknown"


def _off_screen_window() -> vtkRenderWindow:
    """VTK itself tries a display, then EGL, then OSMesa; what it says of the ones that are not there helps
    nobody."""
    before = vtkLogger.GetCurrentVerbosityCutoff()
    vtkLogger.SetStderrVerbosity(vtkLogger.VERBOSITY_OFF)
    window: Any = vtkRenderWindow()
    window.SetOffScreenRendering(True)
    window.SetShowWindow(False)
    vtkLogger.SetStderrVerbosity(before)
    return window  # type: ignore[no-any-return]


def _cells(mesh: Mesh) -> vtkCellArray:
    """The mesh's faces as VTK has them: offsets and corners."""
    cells = vtkCellArray()
    offsets = np.concatenate([[0], np.cumsum(mesh.counts)]).astype(np.int64)
    cells.SetData(
        numpy_to_vtkIdTypeArray(offsets, deep=True),
        numpy_to_vtkIdTypeArray(mesh.corners.astype(np.int64), deep=True),
    )
    return cells


def can_draw() -> bool:
    """Whether this machine can draw at all: False on Linux without a display, EGL and OSMesa."""
    if not sys.platform.startswith("linux"):
        return True
    return type(_off_screen_window()).__name__ != "vtkRenderWindow"
