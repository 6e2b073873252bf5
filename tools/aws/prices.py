"""AWS list prices in US dollars: us-east-1, on demand, without a free tier.

The prices were copied by hand in 2025 from the public price pages that the comments name. AWS changes prices without
notice, so check them before you rely on them.
"""

AS_OF = "2025"
REGION = "us-east-1"
HOURS_PER_MONTH = 730.0  # AWS counts 730 hours for one month.
DAYS_PER_MONTH = HOURS_PER_MONTH / 24

# aws.amazon.com/lambda/pricing
LAMBDA_REQUEST = 0.20e-6
LAMBDA_GB_SECOND = {"arm64": 13.3334e-6, "x86_64": 16.6667e-6}

# aws.amazon.com/api-gateway/pricing: REST API, first 333 million a month
API_REQUEST = 3.50e-6

# aws.amazon.com/s3/pricing: S3 Standard
S3_PUT = 5.0e-6
S3_GET = 0.4e-6
S3_GB_MONTH = 0.023

# aws.amazon.com/ec2/pricing/on-demand: data transfer out to the internet, first 10 TB a month
TRANSFER_GB = 0.09

# aws.amazon.com/dynamodb/pricing: on demand
DYNAMODB_READ = 0.125e-6
DYNAMODB_WRITE = 0.625e-6

# aws.amazon.com/secrets-manager/pricing
SECRET_MONTH = 0.40
SECRET_CALL = 5.0e-6

# aws.amazon.com/sqs/pricing: Lambda polls an empty queue five times every 20 seconds
SQS_REQUEST = 0.40e-6
SQS_POLLED_MONTH = 5 * 3 * 60 * HOURS_PER_MONTH * SQS_REQUEST

# aws.amazon.com/cloudwatch/pricing
ALARM_MONTH = 0.10
DASHBOARD_MONTH = 3.00
METRIC_MONTH = 0.30
LOG_GB = 0.50

# aws.amazon.com/fargate/pricing: Linux on x86
FARGATE_VCPU_HOUR = 0.04048
FARGATE_GB_HOUR = 0.004445

# aws.amazon.com/elasticloadbalancing/pricing and aws.amazon.com/vpc/pricing
ALB_HOUR = 0.0225
ALB_GB = 0.008  # One capacity unit for one hour carries one gigabyte.
IPV4_HOUR = 0.005
