"""What a consultation is: whose, on what basis, from when to when, and where to answer.

Statutory notice, asking those with rights, and asking for wishes are three procedures with their own organiser, basis
and period (practice.md, "Consultation is three procedures"); a page always says which one it is.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from types import NoneType

from gis.errors import UsageError

# 法定公示/公告 · 征求相关权利人意见 · 意愿征集, and a working map that is none of them; their titles are words of the
# catalogue ([map] procedure.…)
PROCEDURES = ("statutory", "holders", "wishes", "working")
# 城乡规划法 第二十六条: a plan draft is shown at least so many days
PLAN_DRAFT_DAYS = 30
DRAFTS = ("征求意见稿", "送审稿", "报批稿", "公示稿")
# domain.md §6.6: 国家 GS(2024)0001号, 北京 京S(2024)001号
_APPROVAL = re.compile(r"^(GS|[\u4e00-\u9fa5]{1,2}S)[（(]\d{4}[)）]\d{1,4}号$")


Kind = type | tuple[type, ...]
# what is allowed, in words
_ALLOWED: dict[Kind, str] = {
    str: "a text",
    date: "a day such as 2026-01-31",
    (date, NoneType): "a day such as 2026-01-31",
    int: "a number of days, not below 0",
}


def _check(record: object, kinds: Mapping[str, Kind]) -> None:
    """Refuse values that are not what they should be, as a file may hold."""
    for name, kind in kinds.items():
        value = getattr(record, name)
        # a time of day is no day
        wrong = isinstance(value, datetime) or (kind is int and not _counts(value))
        if wrong or not isinstance(value, kind):
            allowed = _ALLOWED.get(kind, "true or false")
            raise UsageError(f"{name} of the notice is {value!r}; allowed: {allowed}", name=name)


def _counts(value: object) -> bool:
    """Tell whether a value is a number that is not below 0; true is none."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


@dataclass(frozen=True)
class Clearance:
    """Record that a map was cleared: map approval number (审图号), secrecy review number, approver, date.

    A page shows the two numbers; approver and date stay in the internal record. Rounding coordinates is not clearance.
    """

    map_approval_no: str = ""
    secrecy_review_no: str = ""
    approver: str = ""
    approved_on: date | None = None

    def __post_init__(self) -> None:
        """Refuse a map approval number that is none."""
        texts = ("map_approval_no", "secrecy_review_no", "approver")
        _check(self, {**dict.fromkeys(texts, str), "approved_on": (date, NoneType)})
        if self.map_approval_no and not _APPROVAL.match(self.map_approval_no):
            raise UsageError(
                f"map approval number {self.map_approval_no!r} is not of the form GS(2024)0001号 or 京S(2024)001号",
                map_approval_no=self.map_approval_no,
            )


@dataclass(frozen=True)
class Notice:
    """Record one consultation.

    Parameters
    ----------
    name
        名称: what is shown, for example 某街区更新实施方案.
    organiser
        主体: who consults.
    basis
        依据: the law, plan or decision it rests on.
    opens, closes
        起止日期, both days included.
    procedure
        Which of the three it is; nothing is assumed. "statutory" 法定公示, "holders" 征求相关权利人意见, "wishes"
        意愿征集, "working" 内部工作图 (internal edition only).
    draft
        稿别: one of 征求意见稿, 送审稿, 报批稿, 公示稿.
    phone, email, address
        反馈方式; at least one.
    plan_draft
        Whether a plan draft (规划草案) is shown, for which the law sets 30 days; None takes a statutory notice for one.
    least_days
        The shortest period allowed for this matter, in days: data of the bureau, which a statutory notice of another
        matter than a plan draft must name; 0 means that none is known.
    clearance
        审图号 and 保密审查, where there are any.
    synthetic
        The data are made up; the page says so.

    Raises
    ------
    UsageError
        Unknown procedure or draft, a blank that must be filled, or a period that is reversed or too short.
    """

    name: str
    organiser: str
    basis: str
    opens: date
    closes: date
    procedure: str
    draft: str = "征求意见稿"
    phone: str = ""
    email: str = ""
    address: str = ""
    plan_draft: bool | None = None
    least_days: int = 0
    clearance: Clearance = dataclasses.field(default_factory=Clearance)
    synthetic: bool = False

    def __post_init__(self) -> None:
        """Refuse a notice that would leave the public without an answer."""
        texts = ("name", "organiser", "basis", "procedure", "draft", "phone", "email", "address")
        days: dict[str, Kind] = dict.fromkeys(("opens", "closes"), date)
        _check(self, dict.fromkeys(texts, str) | days | {"least_days": int, "plan_draft": (bool, NoneType)})
        _check(self, {"synthetic": bool, "clearance": Clearance})
        if self.procedure not in PROCEDURES:
            raise UsageError(f"procedure is {self.procedure!r}; allowed: {', '.join(PROCEDURES)}")
        if self.draft not in DRAFTS:
            raise UsageError(f"draft is {self.draft!r}; allowed: {', '.join(DRAFTS)}")
        blank = [name for name in ("name", "organiser", "basis") if not getattr(self, name).strip()]
        if blank:
            raise UsageError(f"the notice leaves {', '.join(blank)} blank; a consultation must say it")
        if not (self.phone or self.email or self.address):
            raise UsageError("the notice has no phone, email or address; give at least one way to answer")
        if self.procedure == "statutory" and not self.of_plan_draft and not self.least_days:
            raise UsageError("a statutory notice of another matter than a plan draft must name its least_days")
        needed = max(1, self.least_days, PLAN_DRAFT_DAYS if self.of_plan_draft else 0)
        if self.days < needed:
            law = f"; a plan draft is shown at least {PLAN_DRAFT_DAYS} days" if self.of_plan_draft else ""
            raise UsageError(
                f"the notice runs from {self.opens} to {self.closes}, {self.days} days; at least {needed} are needed"
                f"{law}",
                days=self.days,
            )

    @property
    def of_plan_draft(self) -> bool:
        """Tell whether a plan draft is shown."""
        return self.procedure == "statutory" if self.plan_draft is None else self.plan_draft

    @property
    def days(self) -> int:
        """Return the length of the period in days, both ends included."""
        return (self.closes - self.opens).days + 1
