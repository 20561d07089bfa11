"""Manifest -> what other tools deploy: CloudFormation, Terraform, CDK, SSM, JSON, shell variables."""
