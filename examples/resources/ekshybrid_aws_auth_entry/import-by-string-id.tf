import {
  to = ekshybrid_aws_auth_entry.workers
  id = "closed/arn:aws:iam::111122223333:role/workers"
}
