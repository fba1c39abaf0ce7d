"""Who makes which run: a lock for each, so that several processes share one experiment without doubling any of its runs."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from filelock import FileLock, Timeout

from qhelpers.runs.records import refused


class Locks:
    """Locks on runs, held by this process; the system drops them when it ends, however it ends.

    A lock says that somebody is at work, not that the work is done: who has got one looks for the record once more before
    making the run, for it may have been recorded since.

    Parameters
    ----------
    folder : Path
        Folder of one experiment's records; they lie in its ``.locks``.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder / ".locks"
        self._held: dict[str, FileLock] = {}

    def take(self, run: str) -> bool:
        """Take the run with this id; False if another process holds it.

        Raises
        ------
        NotRecorded
            If the folder cannot be written.
        """
        lock = FileLock(self._folder / run, blocking=False, thread_local=False)
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            lock.acquire()
        except Timeout:
            return False
        except OSError as error:
            raise refused(self._folder.parent, error) from error
        self._held[run] = lock
        return True

    def drop(self, run: str) -> None:
        """Give a lock back."""
        lock = self._held.pop(run)
        with suppress(OSError):
            (self._folder / run).unlink()  # while it is still held: whoever opened it meanwhile finds it gone, and tries anew
        lock.release()

    def mend(self) -> None:
        """Remove the files of locks whose holders were killed."""
        for left in self._folder.glob("*"):
            if self.take(left.name):
                self.drop(left.name)

    def drop_all(self) -> None:
        """Give back all that are held."""
        for run in list(self._held):
            self.drop(run)
