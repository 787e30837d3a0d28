"""template.yaml: what CloudFormation and SAM think of it, and what they can't know."""

import json

from tests.deploy.manifests import Object, template
from tests.deploy.tools import complaints, run

# As CloudFormation would; nothing is asked of AWS.
TRANSLATE = """
import json, sys
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
print(json.dumps(Translator({}, Parser()).translate(json.load(sys.stdin), {})))
"""
RESOURCES: Object = template()["Resources"]


def test_cfn_lint_has_nothing_to_say() -> None:
    assert not complaints("cfn-lint", "--non-zero-exit-code", "informational", "template.yaml")


def test_the_sam_translator_makes_of_it_what_is_meant() -> None:
    done = run("python", "-c", TRANSLATE, text=json.dumps(template()))
    assert done.returncode == 0, done.stderr
    made = json.loads(done.stdout)["Resources"]
    kinds = {one["Type"] for one in made.values()}
    assert {"AWS::Lambda::Function", "AWS::Lambda::Url", "AWS::IAM::Role", "AWS::Logs::LogGroup"} <= kinds
    assert made["Function"]["Properties"]["PackageType"] == "Image"


def test_its_log_is_kept_for_a_time_that_is_given_and_its_concurrency_is_reserved() -> None:
    function = RESOURCES["Function"]["Properties"]
    assert function["LoggingConfig"] == {"LogGroup": {"Ref": "Logs"}}
    assert RESOURCES["Logs"]["Properties"]["RetentionInDays"] == {"Ref": "LogRetentionDays"}
    assert function["ReservedConcurrentExecutions"] == {"Ref": "ReservedConcurrency"}


def test_alarms_watch_errors_throttles_and_the_url() -> None:
    alarms = [one["Properties"] for one in RESOURCES.values() if one["Type"] == "AWS::CloudWatch::Alarm"]
    assert {alarm["MetricName"] for alarm in alarms} == {"Errors", "Throttles", "Url5xxCount"}
    assert all(alarm["Dimensions"] == [{"Name": "FunctionName", "Value": {"Ref": "Function"}}] for alarm in alarms)


def test_its_url_is_closed_unless_that_is_asked_for() -> None:
    assert template()["Parameters"]["UrlAuth"]["Default"] == "AWS_IAM"
    open_to_all = [name for name, one in RESOURCES.items() if one["Type"] == "AWS::Lambda::Permission"]
    assert open_to_all
    assert all(RESOURCES[name]["Condition"] == "OpenUrl" for name in open_to_all)
