"""The one door out: time limits, size limits, and no way into private networks."""

from jackfield.egress.addresses import Network
from jackfield.egress.answers import Failure, Reply, Unreached
from jackfield.egress.door import Egress
from jackfield.egress.names import Resolve
from jackfield.egress.urls import check_url

__all__ = ["Egress", "Failure", "Network", "Reply", "Resolve", "Unreached", "check_url"]
