@echo off
rem Runs a part of AIM for Maya in mayapy, with this module on PYTHONPATH: a .mod file's own PYTHONPATH comes too late for `mayapy -m`.
setlocal EnableExtensions DisableDelayedExpansion

for %%R in ("%~dp0..") do set "AIM_ROOT=%%~fR"
set ARGS=%*
set "NAME=%~1"
if not "%NAME%"=="--skip-user-setup" goto named
set "MAYA_SKIP_USERSETUP_PY=1"
rem shift does not change %%*: cut the word out of the text instead
set ARGS=%ARGS:*--skip-user-setup=%
set "NAME=%~2"

:named
if "%NAME%"=="-h" goto help
if "%NAME%"=="--help" goto help
if "%NAME%"=="batch" goto known
if "%NAME%"=="doctor" goto known
if "%NAME%"=="install" goto known
if "%NAME%"=="selftest" goto known
call :usage 1>&2
exit /b 2

:help
call :usage
exit /b 0

:known
rem no `call set`: it would double every caret
if "%NAME%"=="batch" set ARGS=%ARGS:*batch=%
if "%NAME%"=="doctor" set ARGS=%ARGS:*doctor=%
if "%NAME%"=="install" set ARGS=%ARGS:*install=%
if "%NAME%"=="selftest" set ARGS=%ARGS:*selftest=%

set "MAYAPY="
if not defined AIM_MAYAPY goto search
if exist "%AIM_MAYAPY%" set "MAYAPY=%AIM_MAYAPY%"
goto searched

:search
set "PROGRAMS=%ProgramFiles%"
if defined ProgramW6432 set "PROGRAMS=%ProgramW6432%"
if defined MAYA_LOCATION if exist "%MAYA_LOCATION%\bin\mayapy.exe" set "MAYAPY=%MAYA_LOCATION%\bin\mayapy.exe"
for %%V in (2027 2026 2025) do call :try %%V

:searched
if defined MAYAPY goto run
echo Error: no mayapy was found. Tried: 1>&2
if defined AIM_MAYAPY echo   "%AIM_MAYAPY%" 1>&2
if not defined AIM_MAYAPY if defined MAYA_LOCATION echo   "%MAYA_LOCATION%\bin\mayapy.exe" 1>&2
if not defined AIM_MAYAPY if defined AIM_AUTODESK echo   "%AIM_AUTODESK%\Maya2027|2026|2025\bin\mayapy.exe" 1>&2
if not defined AIM_MAYAPY echo   "%PROGRAMS%\Autodesk\Maya2027|2026|2025\bin\mayapy.exe" 1>&2
echo   What to do: set AIM_MAYAPY to the mayapy.exe to use. 1>&2
exit /b 2

:run
if defined PYTHONPATH set "PYTHONPATH=%AIM_ROOT%;%PYTHONPATH%"
if not defined PYTHONPATH set "PYTHONPATH=%AIM_ROOT%"
"%MAYAPY%" -m aim_maya.%NAME% %ARGS%
exit /b %ERRORLEVEL%

:try
if defined MAYAPY exit /b 0
if defined AIM_AUTODESK if exist "%AIM_AUTODESK%\Maya%1\bin\mayapy.exe" set "MAYAPY=%AIM_AUTODESK%\Maya%1\bin\mayapy.exe"
if defined MAYAPY exit /b 0
if exist "%PROGRAMS%\Autodesk\Maya%1\bin\mayapy.exe" set "MAYAPY=%PROGRAMS%\Autodesk\Maya%1\bin\mayapy.exe"
exit /b 0

:usage
echo usage: aim-mayapy [--skip-user-setup] COMMAND [arguments]
echo.
echo   batch      export, attach, restore or check scenes, no interface
echo   doctor     check this installation and say what to do
echo   install    install numpy and onnxruntime for this mayapy
echo   selftest   run the tests that need Maya
echo.
echo   --skip-user-setup   do not run userSetup.py (MAYA_SKIP_USERSETUP_PY=1)
echo.
echo mayapy is AIM_MAYAPY, else MAYA_LOCATION\bin\mayapy.exe, else the newest Maya
echo (2027, 2026, 2025) in AIM_AUTODESK or Program Files\Autodesk.
exit /b 0
