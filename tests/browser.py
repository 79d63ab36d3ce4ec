pytest_plugins=[]
