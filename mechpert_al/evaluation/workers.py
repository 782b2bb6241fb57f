"""Where the parts of a comparison run: processes on this machine, or workers of a Dask cluster."""

from __future__ import annotations

import logging
import signal
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

from mechpert_al.errors import BackendError, UsageError

if TYPE_CHECKING:
    from distributed import Client

Run = Callable[..., Any]
#: The workers' own kind of failure, and what it asks for.
_AGAIN = "Look at the scheduler's and the workers' logs, and give the same command again."


def results(
    run: Run, shared: Sequence[Any], parts: Sequence[tuple[Any, ...]], n_jobs: int
) -> Iterator[Any]:
    """Results of ``run(*shared, *part)`` in processes of this machine, in any order.

    Parameters
    ----------
    run
        A function of a module: workers import it.
    shared
        Arguments that all calls have in common.
    parts
        The other arguments, one tuple a call.
    n_jobs
        Processes; 1 = none but this one.
    """
    from joblib import Parallel, delayed

    # one part at a time, so that what is finished is handed over at once
    pool = Parallel(
        n_jobs=n_jobs,
        backend="loky",
        batch_size=1,
        return_as="generator_unordered",
        initializer=_leave_ctrl_c_to_the_parent,
    )
    with closing(pool(delayed(run)(*shared, *part) for part in parts)) as found:
        yield from found


def results_of_cluster(
    run: Run, shared: Sequence[Any], parts: Sequence[tuple[Any, ...]], scheduler: str
) -> Iterator[Any]:
    """The same by the workers of a running Dask cluster.

    What a worker that disappears was at is done by another one; what it had finished and handed
    over is not done again.

    Parameters
    ----------
    scheduler
        Address of the scheduler, such as ``tcp://10.0.0.1:8786``.

    Raises
    ------
    UsageError
        Dask is not installed, or the workers lack a module.
    BackendError
        Nobody answers there, there is no worker, or the cluster was lost.
    """
    with _cluster(scheduler) as client:
        from distributed import as_completed

        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Sending large graph", UserWarning)
            # tasks, not data put on workers: what is lost with a worker is made again
            common = [client.submit(_itself, one, pure=False) for one in shared]
        waiting = [client.submit(run, *common, *part, pure=False) for part in parts]
        try:
            for future, result in as_completed(waiting, loop=client.loop, with_results=True):
                if isinstance(result, CancelledError):  # handed over, not raised
                    raise result
                future.release()
                yield result
        finally:
            client.cancel([future for future in waiting if not future.done()])


def _leave_ctrl_c_to_the_parent() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)


@contextmanager
def _cluster(scheduler: str) -> Iterator[Client]:
    """A client of the scheduler; failures of the cluster become ours."""
    try:
        from distributed import KilledWorker
        from distributed.comm.core import CommClosedError
    except ImportError as error:
        raise UsageError(
            "--scheduler needs Dask, which is not installed",
            "Install it with: pip install 'mechpert-al[distributed]'",
        ) from error
    with _quiet("distributed.client"), _connected(scheduler) as client:
        try:
            yield client
        except KilledWorker as error:
            raise BackendError(
                f"workers of {scheduler} were lost again and again at one part",
                f"They may have too little memory. {_AGAIN}",
            ) from error
        except (CommClosedError, CancelledError) as error:
            raise BackendError(
                f"the Dask cluster at {scheduler} was lost: its scheduler no longer answers", _AGAIN
            ) from error
        except ModuleNotFoundError as error:
            raise UsageError(
                f"a worker of {scheduler} has no module {error.name}",
                "Install mechpert-al, and the plug-ins that are compared, where the workers run.",
            ) from error


@contextmanager
def _connected(scheduler: str) -> Iterator[Client]:
    import dask
    from distributed import Client

    patience = dask.config.get("distributed.comm.timeouts.connect")
    try:
        client = Client(scheduler, timeout=patience, set_as_default=False)
    except (OSError, ValueError) as error:
        raise BackendError(
            f"no Dask scheduler answers at {scheduler} ({error})",
            "Start one (dask scheduler), or leave --scheduler out.",
        ) from error
    with client:
        try:
            client.wait_for_workers(1, timeout=dask.utils.parse_timedelta(patience))
        except TimeoutError as error:
            raise BackendError(
                f"the Dask scheduler at {scheduler} has no worker",
                f"Start some (dask worker {scheduler}), or leave --scheduler out.",
            ) from error
        yield client


@contextmanager
def _quiet(name: str) -> Iterator[None]:
    """Keep a library from logging tracebacks of failures that we tell in words."""
    logger = logging.getLogger(name)
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)


def _itself(value: Any) -> Any:
    return value
