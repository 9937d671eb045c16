"""Makes ``python -m inferd`` the same as the ``inferd`` command."""

from inferd.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
