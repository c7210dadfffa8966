"""The monitor: reads reasoning where it is shown and says so where it is not; judges the steps of agents.

    report = Monitor(declined=…).read(Trace(asked=exchange, reasoning=…, answer=…))
    report.found, report.undetermined, report.visibility

    ActionMonitor().judge(act, Situation(goal="Pay the electricity bill", seen=[document])).ruling

Monitors are never a reward: nothing that trains a model imports this package (a contract of ``pyproject.toml``).
"""

from solon.engines.monitor.action_judge import ActionJudge
from solon.engines.monitor.actions import ActionMonitor, ActionPolicy, ActionRuling, Ruling, Situation
from solon.engines.monitor.calls import Act, act_of, mcp_act, mcp_refusal, openai_acts
from solon.engines.monitor.effects import Effect
from solon.engines.monitor.judge import MonitorJudge
from solon.engines.monitor.monitor import FOUND, Monitor, Report, Watch
from solon.engines.monitor.overthinking import Breaker, Ratios
from solon.engines.monitor.signs import MEANS, SIGNS, Reads, Sign
from solon.engines.monitor.trace import Tokens, Trace, Visibility

__all__ = [
    "FOUND",
    "MEANS",
    "SIGNS",
    "Act",
    "ActionJudge",
    "ActionMonitor",
    "ActionPolicy",
    "ActionRuling",
    "Breaker",
    "Effect",
    "Monitor",
    "MonitorJudge",
    "Ratios",
    "Reads",
    "Report",
    "Ruling",
    "Sign",
    "Situation",
    "Tokens",
    "Trace",
    "Visibility",
    "Watch",
    "act_of",
    "mcp_act",
    "mcp_refusal",
    "openai_acts",
]
