"""The validator itself: what it must report and what it must accept."""

import model
from support import check, equal


@check
def the_validator_sees_wrong_replies(account):
    headers = {"x-amzn-requestid": "1"}
    ssm = account.client("ssm").meta.service_model.operation_model("DescribeActivations")
    iam = account.client("iam").meta.service_model.operation_model("GetRole")
    ec2 = account.client("ec2").meta.service_model.operation_model("DescribeVpcs")
    role = "<Path>/</Path><RoleName>r</RoleName><RoleId>AROA00000000000000000</RoleId><Arn>arn:aws:iam::1:role/r</Arn>"
    role += "<CreateDate>2026-01-01T00:00:00Z</CreateDate>"

    def iam_body(text, root="GetRoleResponse"):
        name = "https://iam.amazonaws.com/doc/2010-05-08/"
        return (f'<{root} xmlns="{name}"><GetRoleResult><Role>{text}</Role></GetRoleResult>'
                f"<ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></{root}>")

    def ec2_body(text):
        name = "http://ec2.amazonaws.com/doc/2016-11-15/"
        return f'<DescribeVpcsResponse xmlns="{name}"><requestId>1</requestId>{text}</DescribeVpcsResponse>'

    for operation, status, body, expected in [
        (ssm, 200, '{"ActivationList": []}', None),
        (ssm, 200, '{"Activations": []}', "no such member"),
        (ssm, 200, '{"ActivationList": [{"ActivationId": "x"}]}', "does not fit"),
        (ssm, 200, '{"ActivationList": [{"Expired": "no"}]}', "not a boolean"),
        (ssm, 200, '{"ActivationList": [{"RegistrationLimit": 1001}]}', "more than 1000"),
        (ssm, 200, '{"ActivationList": [{"Tags": [{"Key": "k"}]}]}', "required"),
        (ssm, 200, '{"ActivationList": [{"CreatedDate": "2026-01-01"}]}', "not seconds"),
        (ssm, 200, "<xml/>", "cannot be read"),
        (ssm, 400, '{"__type": "InvalidNextToken", "Message": "m"}', None),
        (ssm, 400, '{"__type": "InvalidNextToken", "message": "m"}', "no such member"),
        (ssm, 400, '{"__type": "ParameterNotFound"}', "neither"),
        (ssm, 400, '{"message": "m"}', "no error code"),
        (iam, 200, iam_body(role), None),
        (iam, 200, iam_body(role.replace("Path", "Way")), "no such member"),
        (iam, 200, iam_body(role.replace("<Arn>arn:aws:iam::1:role/r</Arn>", "")), "required"),
        (iam, 200, iam_body(role, "GetRole"), "outermost"),
        (ec2, 200, ec2_body("<vpcSet><item><isDefault>false</isDefault></item></vpcSet>"), None),
        (ec2, 200, ec2_body("<vpcSet><item><isDefault>False</isDefault></item></vpcSet>"), "not a boolean"),
        (ec2, 200, ec2_body("<vpcSet><member></member></vpcSet>"), "instead of item"),
        (ec2, 200, ec2_body("<vpcs></vpcs>"), "no such member"),
        (ec2, 400, "<Response><Error/></Response>", "EC2's form"),
    ]:
        found = model.reply(operation, status, headers, body.encode())
        if expected is None:
            equal(found, [])
        else:
            assert any(expected in text for text in found), f"{body}: {found} without `{expected}`"
    assert model.reply(ssm, 200, {}, b"{}"), "a reply without a request ID passed"
