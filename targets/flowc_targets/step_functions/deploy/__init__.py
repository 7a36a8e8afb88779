"""Deploying to AWS: the objects of a flow there, as data, and the way to write and ask about them.

``objects`` says what there has to be, in CloudFormation's words; ``cloudformation`` prints that as
a template, and the provider writes it with boto3.
"""
