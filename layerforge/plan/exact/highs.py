"""HiGHS, quiet, in one thread: the only module that imports highspy."""

from __future__ import annotations

import highspy

INFINITY: float = highspy.kHighsInf


class Solver(highspy.Highs):
    """A model that says nothing on stdout, which is for results."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.setOptionValue("threads", 1)
        # Not left to the machine: the same steps everywhere.
        self.setOptionValue("random_seed", 0)

    def enableCallbacks(self) -> None:  # noqa: N802 - HiGHS' name
        """Be quiet first: what HiGHS does here, as it is made, prints a banner otherwise."""
        self.setOptionValue("output_flag", False)
        super().enableCallbacks()  # type: ignore[no-untyped-call]

    def run_interruptibly(self) -> None:
        """Solve what may take long: in a thread, as signals are not looked at inside HiGHS."""
        self.HandleUserInterrupt = True
        thread = self.startSolve()
        try:
            while thread.is_alive():
                thread.join(0.1)
        except BaseException:
            self.cancelSolve()  # type: ignore[no-untyped-call]
            thread.join()
            raise
