"""Where things lie in this checkout. What is made here lies in .tools, .venv and .cache; deleting them undoes it."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
REQUIREMENTS = ROOT / "requirements"
TOOLS = ROOT / ".tools"
CACHE = ROOT / ".cache"
ENVIRONMENT = ROOT / ".venv"
WINDOWS = sys.platform == "win32"
PROGRAMS = ENVIRONMENT / ("Scripts" if WINDOWS else "bin")
PYTHON = PROGRAMS / ("python.exe" if WINDOWS else "python")
CROFTER = PROGRAMS / ("crofter.exe" if WINDOWS else "crofter")
