from telltale.api import Result as Result
from telltale.api import audit as audit
from telltale.api import run as run
from telltale.api import score as score

__version__: str
