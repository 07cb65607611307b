+ MAYAVERSION:2025 PLATFORM:win64 aim_maya 1.0.0 ./aim_maya
plug-ins: plug-ins
icons: icons
scripts: aim_maya/scripts
PYTHONPATH+:=.

+ MAYAVERSION:2025 PLATFORM:linux aim_maya 1.0.0 ./aim_maya
plug-ins: plug-ins
icons: icons
scripts: aim_maya/scripts
PYTHONPATH+:=.

+ MAYAVERSION:2025 PLATFORM:mac aim_maya 1.0.0 ./aim_maya
plug-ins: plug-ins
icons: icons
scripts: aim_maya/scripts
PYTHONPATH+:=.

+ MAYAVERSION:2026 PLATFORM:win64 aim_maya 1.0.0 ./aim_maya
plug-ins: plug-ins
icons: icons
scripts: aim_maya/scripts
PYTHONPATH+:=.

+ MAYAVERSION:2026 PLATFORM:linux aim_maya 1.0.0 ./aim_maya
plug-ins: plug-ins
icons: icons
scripts: aim_maya/scripts
PYTHONPATH+:=.

+ MAYAVERSION:2026 PLATFORM:mac aim_maya 1.0.0 ./aim_maya
plug-ins: plug-ins
icons: icons
scripts: aim_maya/scripts
PYTHONPATH+:=.

+ MAYAVERSION:2027 PLATFORM:win64 aim_maya 1.0.0 ./aim_maya
plug-ins: plug-ins
icons: icons
scripts: aim_maya/scripts
PYTHONPATH+:=.

+ MAYAVERSION:2027 PLATFORM:linux aim_maya 1.0.0 ./aim_maya
plug-ins: plug-ins
icons: icons
scripts: aim_maya/scripts
PYTHONPATH+:=.

+ MAYAVERSION:2027 PLATFORM:mac aim_maya 1.0.0 ./aim_maya
plug-ins: plug-ins
icons: icons
scripts: aim_maya/scripts
PYTHONPATH+:=.
